package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"s3bundler/internal/archive"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var when = time.Date(2026, 11, 23, 11, 36, 13, 0, time.UTC)

type member struct {
	name    string
	content []byte
}

// write makes an archive of members and returns it with their places.
func write(t *testing.T, compress bool, members []member) ([]byte, []archive.Place) {
	t.Helper()
	var buf bytes.Buffer
	var places []archive.Place
	w := archive.NewWriter(&buf, archive.Options{
		Compress: compress,
		Placed:   func(p archive.Place) { places = append(places, p) },
	})
	for _, m := range members {
		add(t, w, m)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), places
}

func add(t *testing.T, w *archive.Writer, m member) {
	t.Helper()
	if err := w.Begin(m.name, int64(len(m.content)), when); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(m.content); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// samples are members of all the shapes a bucket holds.
func samples() []member {
	rng := rand.New(rand.NewPCG(1, 2))
	sized := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('a' + rng.IntN(6))
		}
		return b
	}
	names := []string{
		"b/plain", "b//leading", "b/a//b", "b/./dot", "b/../up", "b/with space", "b/comma,\"quote'", "b/new\nline",
		"b/grüße/日本", "b/100%+x", "b/" + strings.Repeat("x", 98), "b/" + strings.Repeat("x", 99),
		"b/" + strings.Repeat("d/", 60) + "f", "b/" + strings.Repeat("k", 1000), "b/" + strings.Repeat("é", 500),
		"b/" + strings.Repeat("p", 152) + "/" + strings.Repeat("n", 100), "b/folder/",
		"b/" + strings.Repeat("/", 150) + "end", "b/tab\tand\x01control", "b/back\\slash", "b/a", "b/a/b",
	}
	var ms []member
	for i, n := range names {
		ms = append(ms, member{n, sized(i * 137)})
	}
	ms = append(ms, member{"b/empty", nil}, member{"b/block", sized(512)}, member{"b/large", sized(3<<20 + 5)}, member{"b/after", sized(9)})
	for i := range 400 {
		ms = append(ms, member{fmt.Sprintf("b/small/%03d", i), sized(5000)})
	}
	return ms
}

func TestReadersAgree(t *testing.T) {
	ms := samples()
	for _, compress := range []bool{false, true} {
		data, places := write(t, compress, ms)
		plain := data
		if compress {
			zr, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if plain, err = io.ReadAll(zr); err != nil {
				t.Fatal(err)
			}
		}
		tr := tar.NewReader(bytes.NewReader(plain))
		for i, m := range ms {
			h, err := tr.Next()
			if err != nil {
				t.Fatalf("member %d %q: %v", i, m.name, err)
			}
			got, err := io.ReadAll(tr)
			if err != nil || h.Name != m.name || !bytes.Equal(got, m.content) {
				t.Fatalf("member %d: got %q with %d bytes (%v), want %q with %d", i, h.Name, len(got), err, m.name, len(m.content))
			}
			if h.Mode != 0o644 || h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(when) {
				t.Errorf("member %q: mode %o uid %d gid %d mtime %v", h.Name, h.Mode, h.Uid, h.Gid, h.ModTime)
			}
		}
		if _, err := tr.Next(); err != io.EOF {
			t.Fatalf("after the last member: %v", err)
		}
		if len(places) != len(ms) {
			t.Fatalf("%d places for %d members", len(places), len(ms))
		}
		block := blocks(t, data)
		for i, p := range places {
			if got := block(p)[p.Offset:][:len(ms[i].content)]; !bytes.Equal(got, ms[i].content) {
				t.Fatalf("compress %v: place %+v of %q does not hold its content", compress, p, ms[i].name)
			}
		}
		again, _ := write(t, compress, ms)
		if !bytes.Equal(data, again) {
			t.Errorf("compress %v: the same members gave different bytes", compress)
		}
	}
}

// blocks returns what decompresses a place's block as a reader that knows the
// index would. It keeps the last one.
func blocks(t *testing.T, data []byte) func(archive.Place) []byte {
	last, content := int64(-1), []byte(nil)
	return func(p archive.Place) []byte {
		t.Helper()
		if p.BlockLength < 0 {
			return data[p.Block:]
		}
		if p.Block == last {
			return content
		}
		zr, err := gzip.NewReader(bytes.NewReader(data[p.Block:][:p.BlockLength]))
		if err != nil {
			t.Fatal(err)
		}
		last = p.Block
		if content, err = io.ReadAll(zr); err != nil {
			t.Fatal(err)
		}
		return content
	}
}

func TestHeadersAreUstarWhereTheyFit(t *testing.T) {
	for _, tt := range []struct {
		name    string
		size    int64
		mtime   time.Time
		headers int // in tar blocks
	}{
		{"b/k", 1, when, 1},
		{"b/" + strings.Repeat("x", 98), 1, when, 1},
		{"b/" + strings.Repeat("x", 99), 1, when, 3},
		{strings.Repeat("p", 155) + "/" + strings.Repeat("n", 100), 1, when, 1},
		{strings.Repeat("p", 156) + "/" + strings.Repeat("n", 100), 1, when, 3},
		{"b/é", 1, when, 3},
		{"b/k", 1<<33 - 1, when, 1},
		{"b/k", 1 << 33, when, 3},
		{"b/k", 1, time.Unix(-1, 0), 3},
		{"b/" + strings.Repeat("é", 500), 1 << 40, when, 5},
	} {
		h := archive.AppendHeader(nil, tt.name, tt.size, tt.mtime)
		if len(h) != tt.headers*512 {
			t.Errorf("%.20q %d %v: %d bytes of header, want %d", tt.name, tt.size, tt.mtime, len(h), tt.headers*512)
		}
		got, err := tar.NewReader(bytes.NewReader(h)).Next()
		if err != nil || got.Name != tt.name || got.Size != tt.size || !got.ModTime.Equal(tt.mtime) {
			t.Errorf("%.20q: read back as %+v, %v", tt.name, got, err)
		}
	}
}

func TestRollbackTakesTheMemberBack(t *testing.T) {
	ms := samples()
	for _, compress := range []bool{false, true} {
		want, _ := write(t, compress, ms)
		var buf bytes.Buffer
		var places []archive.Place
		w := archive.NewWriter(&buf, archive.Options{Compress: compress, Placed: func(p archive.Place) { places = append(places, p) }})
		for i, m := range ms {
			add(t, w, m)
			if i == 30 {
				if err := w.Mark(); err != nil {
					t.Fatal(err)
				}
				mark := buf.Len()
				if err := w.Begin("b/bad", 5<<20, when); err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write(make([]byte, 3<<20)); err != nil {
					t.Fatal(err)
				}
				w.Rollback()
				buf.Truncate(mark)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if len(places) != len(ms) {
			t.Fatalf("%d places for %d members", len(places), len(ms))
		}
		block := blocks(t, buf.Bytes())
		for i, p := range places {
			if got := block(p)[p.Offset:][:len(ms[i].content)]; !bytes.Equal(got, ms[i].content) {
				t.Fatalf("compress %v: after a rollback, place %+v of %q does not hold its content", compress, p, ms[i].name)
			}
		}
		if !compress && !bytes.Equal(buf.Bytes(), want) {
			t.Error("the plain archive differs from one without the rollback")
		}
	}
}

type failing struct{ after int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.after -= len(p); f.after < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriterErrors(t *testing.T) {
	for _, compress := range []bool{false, true} {
		w := archive.NewWriter(&failing{100 << 10}, archive.Options{Compress: compress})
		var err error
		rng := rand.New(rand.NewPCG(3, 4))
		noise := make([]byte, 1<<20)
		for i := range noise {
			noise[i] = byte(rng.Uint32())
		}
		for i := 0; i < 20 && err == nil; i++ {
			if err = w.Begin("b/k", int64(len(noise)), when); err == nil {
				_, err = w.Write(noise)
			}
			if err == nil {
				err = w.Commit()
			}
		}
		if !errors.Is(err, errFull) {
			t.Errorf("compress %v: %v, want the sink's error", compress, err)
		}
		if err := w.Close(); !errors.Is(err, errFull) {
			t.Errorf("compress %v: Close gave %v, want the sink's error", compress, err)
		}

		w = archive.NewWriter(io.Discard, archive.Options{Compress: compress})
		if err := w.Begin("b/k", 3, when); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); !errors.Is(err, archive.ErrLength) {
			t.Errorf("a short member: %v", err)
		}
		w.Abandon()
		w = archive.NewWriter(io.Discard, archive.Options{Compress: compress})
		if err := w.Begin("b/k", 3, when); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("four")); !errors.Is(err, archive.ErrLength) {
			t.Errorf("a long member: %v", err)
		}
		w.Abandon()
	}
}

func TestOtherProgramsRead(t *testing.T) {
	ms := samples()
	for _, compress := range []bool{false, true} {
		data, _ := write(t, compress, ms)
		file := filepath.Join(t.TempDir(), "a.tar")
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, tool := range [][]string{
			{"tar", "--list", "--quoting-style=literal", "--show-transformed-names", "-P", "-a", "--file"},
			{"bsdtar", "-t", "-P", "-f"},
			{"python3", "-c", "import sys, tarfile\nfor m in tarfile.open(sys.argv[1]): print(m.name if m.isreg() else 'not regular: ' + m.name)"},
		} {
			t.Run(fmt.Sprintf("%s compress=%v", tool[0], compress), func(t *testing.T) {
				if _, err := exec.LookPath(tool[0]); err != nil {
					t.Skipf("%s is not installed", tool[0])
				}
				args := tool[1:]
				if compress && tool[0] == "tar" {
					args = append([]string{"--gzip"}, args...)
				}
				cmd := exec.Command(tool[0], append(args, file)...)
				cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
				}
				var want strings.Builder
				for _, m := range ms {
					fmt.Fprintln(&want, m.name)
				}
				got := string(out)
				if tool[0] == "bsdtar" { // it escapes what is not printable
					got = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\001`, "\x01", `\\`, `\`).Replace(got)
				}
				if got != want.String() {
					t.Errorf("lists\n%.3000s\nwant\n%.3000s", got, want.String())
				}
			})
		}
	}
}

func FuzzHeader(f *testing.F) {
	f.Add("b/k", int64(1), int64(1))
	f.Add("b/"+strings.Repeat("é/", 300), int64(1)<<34, int64(-5))
	f.Fuzz(func(t *testing.T, name string, size, sec int64) {
		if name == "" || strings.IndexByte(name, 0) >= 0 || size < 0 || len(name) > 2000 || sec < -1<<40 || sec > 1<<40 {
			t.Skip()
		}
		h := archive.AppendHeader(nil, name, size, time.Unix(sec, 0))
		got, err := tar.NewReader(bytes.NewReader(h)).Next()
		if err != nil || got.Name != name || got.Size != size || got.ModTime.Unix() != sec {
			t.Fatalf("%q %d %d read back as %+v, %v", name, size, sec, got, err)
		}
	})
}
