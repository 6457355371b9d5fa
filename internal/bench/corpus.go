package main

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// logLines writes size bytes of a web server's log, in the combined format.
// They are the same every time.
func logLines(w io.Writer, size int) error {
	b := bufio.NewWriterSize(w, 1<<16)
	rng := rand.New(rand.NewPCG(1, 2))
	at := lastModified
	pick := func(s string) string { // the first ones more often
		words := strings.Fields(s)
		return words[min(int(rng.ExpFloat64()*float64(len(words))/4), len(words)-1)]
	}
	for n := 0; n < size; {
		at = at.Add(time.Duration(rng.IntN(900)) * time.Millisecond)
		k, err := fmt.Fprintf(b, "10.%d.%d.%d - - [%s] \"%s /%s/%s/%d?session=%08x HTTP/1.1\" %s %d \"https://%s.example/%s\" \"%s/%d.%d (%s) %d ms\"\n",
			rng.IntN(4), rng.IntN(64), rng.IntN(256), at.Format("02/Jan/2006:15:04:05 -0700"),
			pick("GET POST HEAD PUT"), pick("item cart search user static order help"), pick("view list add edit image review price similar"),
			rng.IntN(200_000), rng.Uint32(), pick("200 304 404 301 500 403"), int(rng.ExpFloat64()*9000),
			pick("www shop m mail news"), pick("index start sale new about"), pick("Mozilla Opera curl Safari bot"),
			rng.IntN(9)+1, rng.IntN(30), pick("Linux Windows Macintosh Android iPhone"), int(rng.ExpFloat64()*120))
		if err != nil {
			return err
		}
		n += k
	}
	return b.Flush()
}

// sourceCode writes up to size bytes of Go's own source.
func sourceCode(w io.Writer, size int) error {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	return filepath.WalkDir(filepath.Join(strings.TrimSpace(string(root)), "src"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text = text[:min(len(text), size)]
		if size -= len(text); size == 0 {
			_, err := w.Write(text)
			if err == nil {
				err = fs.SkipAll
			}
			return err
		}
		_, err = w.Write(text)
		return err
	})
}
