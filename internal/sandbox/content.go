package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// content is the bytes of an object or a part. It never changes.
type content interface {
	size() int64
	// open makes the bytes ready to be read, whatever becomes of the object
	// meanwhile. The bucket's lock is held.
	open() (reader, error)
}

// reader is content that stays readable until it is closed.
type reader interface {
	// writeTo writes n bytes from off.
	writeTo(w io.Writer, off, n int64) error
	Close() error
}

// memory is content in memory.
type memory []byte

func (m memory) size() int64           { return int64(len(m)) }
func (m memory) open() (reader, error) { return m, nil }
func (m memory) Close() error          { return nil }

func (m memory) writeTo(w io.Writer, off, n int64) error {
	_, err := w.Write(m[off : off+n])
	return err
}

// file is content in a file of its own.
type file struct {
	path  string
	bytes int64
}

func (f file) size() int64 { return f.bytes }

func (f file) open() (reader, error) {
	h, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	return openFile{h}, nil
}

type openFile struct{ *os.File }

func (f openFile) writeTo(w io.Writer, off, n int64) error {
	if _, err := f.Seek(off, io.SeekStart); err != nil {
		return err
	}
	// In this form net/http hands the file to the kernel.
	done, err := io.Copy(w, &io.LimitedReader{R: f.File, N: n})
	if err == nil && done < n {
		err = fmt.Errorf("%s: %w", f.Name(), io.ErrUnexpectedEOF)
	}
	return err
}

// discarded is content of which only the length is left.
type discarded int64

func (d discarded) size() int64           { return int64(d) }
func (d discarded) open() (reader, error) { return d, nil }
func (d discarded) Close() error          { return nil }

func (d discarded) writeTo(_ io.Writer, _, n int64) error {
	if n == 0 {
		return nil
	}
	return fail("NotImplemented", "This bucket keeps no content.")
}

// section is n bytes of other content.
type section struct {
	of     content
	off, n int64
}

func (s section) size() int64 { return s.n }

func (s section) open() (reader, error) {
	r, err := s.of.open()
	if err != nil {
		return nil, err
	}
	return openSection{r, s.off}, nil
}

type openSection struct {
	reader
	off int64
}

func (s openSection) writeTo(w io.Writer, off, n int64) error {
	return s.reader.writeTo(w, s.off+off, n)
}

// sectionOf is bytes off to off+n of c.
func sectionOf(c content, off, n int64) content {
	switch c := c.(type) {
	case memory:
		return c[off : off+n : off+n]
	case discarded:
		return discarded(n)
	case section:
		return section{c.of, c.off + off, n}
	}
	if off == 0 && n == c.size() {
		return c
	}
	return section{c, off, n}
}

// joined is one content after another.
type joined []content

func (j joined) size() (n int64) {
	for _, c := range j {
		n += c.size()
	}
	return n
}

func (j joined) open() (reader, error) {
	open := openJoined{}
	for _, c := range j {
		r, err := c.open()
		if err != nil {
			_ = open.Close()
			return nil, err
		}
		open = append(open, sizedReader{r, c.size()})
	}
	return open, nil
}

type sizedReader struct {
	reader
	size int64
}

type openJoined []sizedReader

func (j openJoined) Close() error {
	var first error
	for _, r := range j {
		if err := r.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (j openJoined) writeTo(w io.Writer, off, n int64) error {
	for _, r := range j {
		if off >= r.size {
			off -= r.size
			continue
		}
		take := min(n, r.size-off)
		if take == 0 {
			return nil
		}
		if err := r.writeTo(w, off, take); err != nil {
			return err
		}
		off, n = 0, n-take
	}
	return nil
}

// join is the content of parts, one after another.
func join(parts []content) content {
	var sum int64
	for _, p := range parts {
		if _, lost := p.(discarded); !lost {
			if len(parts) == 1 {
				return parts[0]
			}
			return joined(parts)
		}
		sum += p.size()
	}
	return discarded(sum)
}

// writeAll writes all of c.
func writeAll(w io.Writer, c content) error {
	r, err := c.open()
	if err != nil {
		return err
	}
	err = r.writeTo(w, 0, c.size())
	if e := r.Close(); err == nil {
		err = e
	}
	return err
}

// readAll gives all of c.
func readAll(c content) ([]byte, error) {
	var b bytes.Buffer
	err := writeAll(&b, c)
	return b.Bytes(), err
}
