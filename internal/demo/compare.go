package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// archived are the objects that must be in the archives: not the one that was
// deleted before, nor the one that could not be read.
func (w *world) archived() (objects []planted) {
	for _, p := range w.objects {
		if p.key != deletedKey && p.key != frozenKey {
			objects = append(objects, p)
		}
	}
	return objects
}

// compareBucket holds every object of a bucket against its source.
func (w *world) compareBucket(bucket string) error {
	keys, err := w.list(bucket)
	if err != nil {
		return err
	}
	objects := w.archived()
	if len(keys) != len(objects) {
		return fmt.Errorf("s3://%s has %d objects, not %d", bucket, len(keys), len(objects))
	}
	for _, p := range objects {
		want, err := w.see(sourceBucket, p.key)
		if err != nil {
			return err
		}
		got, err := w.see(bucket, p.key)
		if err != nil {
			return err
		}
		if !bytes.Equal(want.content, got.content) {
			return fmt.Errorf("%q in s3://%s has other content than its source", p.key, bucket)
		}
		if want.headers != got.headers || want.tags != got.tags {
			return fmt.Errorf("%q in s3://%s has\n%s%s\nand its source\n%s%s", p.key, bucket, got.headers, got.tags, want.headers, want.tags)
		}
	}
	w.result(fmt.Sprintf("Yes: %s objects in s3://%s, the same in content, metadata, tags, headers and storage class.",
		count(len(objects)), bucket))
	return nil
}

// seen is an object as S3 gives it to anyone.
type seen struct {
	content       []byte
	headers, tags string
}

// own are the headers of an answer that say how it was stored, and by whom.
var own = []string{
	"Accept-Ranges", "Connection", "Date", "Etag", "Last-Modified", "Server", "X-Amz-Id-2", "X-Amz-Request-Id",
	"X-Amz-Mp-Parts-Count", "X-Amz-Server-Side-Encryption", "X-Amz-Version-Id",
}

func (w *world) see(bucket, key string) (s seen, err error) {
	resp, err := http.Get(w.url(bucket, key))
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if s.content, err = io.ReadAll(resp.Body); err != nil {
		return s, err
	}
	if resp.StatusCode != http.StatusOK {
		return s, fmt.Errorf("GET s3://%s/%s: %s", bucket, key, resp.Status)
	}
	var lines []string
	for name, values := range resp.Header {
		if !slices.Contains(own, name) && !strings.HasPrefix(name, "X-Amz-Checksum-") {
			lines = append(lines, fmt.Sprintf("%s: %q\n", name, values))
		}
	}
	slices.Sort(lines)
	s.headers = strings.Join(lines, "")
	if resp.Header.Get("X-Amz-Tagging-Count") != "" {
		tags, err := fetch(w.url(bucket, key) + "?tagging")
		if err != nil {
			return s, err
		}
		s.tags = string(tags)
	}
	return s, nil
}

// compareFolder holds every file against the object it comes from. Objects
// whose keys cannot be file names must be in the files that are left, in any
// order.
func (w *world) compareFolder(dir string) error {
	files := map[string]bool{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files[name] = true
		}
		return err
	})
	if err != nil {
		return err
	}
	var odd []planted
	objects := w.archived()
	for _, p := range objects {
		name := filepath.Join(dir, filepath.FromSlash(p.key))
		if !files[name] || !p.is(name) {
			odd = append(odd, p)
			continue
		}
		delete(files, name)
	}
	renamed := len(odd)
	for name := range files {
		i := slices.IndexFunc(odd, func(p planted) bool { return p.is(name) })
		if i < 0 {
			return fmt.Errorf("%s is no object of the source", name)
		}
		odd = slices.Delete(odd, i, i+1)
	}
	var wrong []error
	for _, p := range odd {
		wrong = append(wrong, fmt.Errorf("%q is not in %s", p.key, dir))
	}
	if wrong != nil {
		return errors.Join(wrong...)
	}
	w.result(fmt.Sprintf("Yes: %s files in %s, the same in content and time. The keys of %d cannot be file names: they have names made from them.",
		count(len(objects)), dir, renamed))
	return nil
}

// is reports whether a file has the object's content and time.
func (p planted) is(file string) bool {
	info, err := os.Stat(file)
	if err != nil || info.Size() != int64(p.size) || !info.ModTime().Equal(p.modified) {
		return false
	}
	content, err := os.ReadFile(file)
	return err == nil && p.holds(content)
}

// count prints a number below a million with a comma.
func count(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
