package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
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
	"unicode/utf8"

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

// nasty are members whose names or contents mislead readers: all that a key
// may be, at random, and contents that look like the end of an archive or like
// headers.
func nasty(seed uint64) []member {
	rng := rand.New(rand.NewPCG(seed, 5))
	contents := [][]byte{nil, make([]byte, 1500), archive.AppendHeader(nil, "not/a/member", 1<<20, when), []byte("text")}
	words := []string{"/", "/", "//", "./", "../", "/.", "/..", "a", "folder/", "é", "日本", "🗃", "\n", "\r", "\t", "\x01", "\x7f", "\x00", "\\", "\\n",
		"\"", "'", " ", "%2F", "+", "?", "#", "*", "-", "C:", "\xff", "\xc3", "PaxHeaders/x", strings.Repeat("n", 60), strings.Repeat("d/", 40)}
	var ms []member
	for range 300 {
		key := words[rng.IntN(len(words))]
		for rng.IntN(8) > 0 {
			key += words[rng.IntN(len(words))]
		}
		if rng.IntN(3) == 0 {
			key += "/"
		}
		for len(key) > 1024 {
			key = key[len(key)/2:]
		}
		name := archive.MemberName("b", key)
		ms = append(ms, member{name, contents[rng.IntN(len(contents))]})
	}
	return append(ms, member{"b/last", []byte("the end")})
}

func TestOtherProgramsRead(t *testing.T) {
	// Python reads contents, too; names are compared as bytes.
	const listing = `
import hashlib, sys, tarfile
archive = tarfile.open(sys.argv[1])
for m in archive:
    content = archive.extractfile(m)
    sum = hashlib.md5(content.read()).hexdigest() if content else 'no file'
    sys.stdout.buffer.write(m.name.encode('utf-8', 'surrogateescape') + b' ' + sum.encode() + b'\n')
`
	name := func(m member) string { return m.name }
	tools := []struct {
		command []string
		line    func(member) string
		gzip    string
	}{
		{[]string{"tar", "--list", "--quoting-style=literal", "-P", "--file"}, name, "--gzip"},
		{[]string{"bsdtar", "-t", "-P", "-f"}, func(m member) string { return escaped(m.name) }, ""},
		{[]string{"python3", "-c", listing}, func(m member) string { return fmt.Sprintf("%s %x", m.name, md5.Sum(m.content)) }, ""},
	}
	for at, ms := range [][]member{samples(), nasty(1), nasty(2), nasty(3)} {
		for _, compress := range []bool{false, true} {
			data, _ := write(t, compress, ms)
			file := filepath.Join(t.TempDir(), "a.tar")
			if err := os.WriteFile(file, data, 0o644); err != nil {
				t.Fatal(err)
			}
			for _, tool := range tools {
				t.Run(fmt.Sprintf("%s %d compress=%v", tool.command[0], at, compress), func(t *testing.T) {
					if _, err := exec.LookPath(tool.command[0]); err != nil {
						t.Skipf("%s is not installed", tool.command[0])
					}
					args := tool.command[1:]
					if compress && tool.gzip != "" {
						args = append([]string{tool.gzip}, args...)
					}
					cmd := exec.Command(tool.command[0], append(args, file)...)
					cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
					var complaints bytes.Buffer
					cmd.Stderr = &complaints
					out, err := cmd.Output()
					if err != nil || complaints.Len() > 0 && !onlyCharset(complaints.String()) {
						t.Errorf("%v: %.3000s", err, complaints.String())
					}
					got := string(out)
					for i, m := range ms {
						want := tool.line(m) + "\n"
						if !strings.HasPrefix(got, want) {
							t.Fatalf("member %d %q with %d bytes: lists\n%.300q\nwant\n%q", i, m.name, len(m.content), got, want)
						}
						got = got[len(want):]
					}
					if got != "" {
						t.Errorf("lists more than was written: %.300q", got)
					}
				})
			}
		}
	}
}

// escaped is how bsdtar lists a name: what is not printable in octal or as C
// writes it.
func escaped(name string) string {
	var b strings.Builder
	bytewise := false // after the first byte that is no UTF-8
	for len(name) > 0 {
		r, n := utf8.DecodeRuneInString(name)
		if bytewise = bytewise || r == utf8.RuneError && n == 1; bytewise {
			n = 1
		}
		switch c := name[0]; {
		case bytewise && c >= 0x80 || c < ' ' || c == 0x7f:
			if i := strings.IndexByte("\a\b\f\n\r\t\v", c); i >= 0 {
				b.WriteString(`\` + "abfnrtv"[i:i+1])
			} else {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		case c == '\\':
			b.WriteString(`\\`)
		default:
			b.WriteString(name[:n])
		}
		name = name[n:]
	}
	return b.String()
}

// onlyCharset reports whether GNU tar says no more than that it does not know
// hdrcharset, which says that a name is no UTF-8.
func onlyCharset(complaints string) bool {
	for line := range strings.Lines(complaints) {
		if !strings.HasSuffix(line, "Ignoring unknown extended header keyword 'hdrcharset'\n") {
			return false
		}
	}
	return true
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
