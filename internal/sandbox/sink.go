package sandbox

import (
	"os"
	"path/filepath"
	"slices"
)

// sink takes a body as it comes in. It is used by one goroutine, and ends
// with finish or abort.
type sink interface {
	// space is where to read the next bytes to; it is never empty.
	space() []byte
	// take keeps the first n bytes of the last space.
	take(n int) error
	// finish gives what was kept.
	finish() (content, error)
	abort()
}

// memorySink keeps a body in memory.
type memorySink struct {
	b []byte
	// limit is the most it takes; 0 means any.
	limit int64
}

// newMemorySink expects size bytes. The size is a claim, so that not all of a
// large one is set aside at once.
func newMemorySink(size int64) *memorySink {
	// One byte more lets the end of the body be seen without growing.
	return &memorySink{b: make([]byte, 0, min(size+1, 64<<20))}
}

func (m *memorySink) space() []byte {
	m.b = slices.Grow(m.b, 1)
	return m.b[len(m.b):min(cap(m.b), len(m.b)+transferSize)]
}

func (m *memorySink) take(n int) error {
	m.b = m.b[:len(m.b)+n]
	if m.limit > 0 && int64(len(m.b)) > m.limit {
		return errMalformedXML()
	}
	return nil
}

func (m *memorySink) finish() (content, error) { return memory(slices.Clip(m.b)), nil }
func (m *memorySink) abort()                   { m.b = nil }

// discardSink keeps the length alone.
type discardSink struct {
	n   int64
	buf *[transferSize]byte
}

func newDiscardSink() *discardSink {
	return &discardSink{buf: transferBuffers.Get().(*[transferSize]byte)}
}

func (d *discardSink) space() []byte { return d.buf[:] }

func (d *discardSink) take(n int) error {
	d.n += int64(n)
	return nil
}

func (d *discardSink) finish() (content, error) {
	d.abort()
	return discarded(d.n), nil
}

func (d *discardSink) abort() {
	transferBuffers.Put(d.buf)
	d.buf = nil
}

// fileSink keeps a body in a temporary file.
type fileSink struct {
	f   *os.File
	buf *[transferSize]byte
	n   int64
}

func newFileSink(dir string) (*fileSink, error) {
	f, err := os.CreateTemp(dir, "body-")
	if err != nil {
		return nil, err
	}
	return &fileSink{f: f, buf: transferBuffers.Get().(*[transferSize]byte)}, nil
}

func (s *fileSink) space() []byte { return s.buf[:] }

func (s *fileSink) take(n int) error {
	s.n += int64(n)
	_, err := s.f.Write(s.buf[:n])
	return err
}

func (s *fileSink) finish() (content, error) {
	transferBuffers.Put(s.buf)
	if err := s.f.Close(); err != nil {
		_ = os.Remove(s.f.Name())
		return nil, err
	}
	return file{s.f.Name(), s.n}, nil
}

func (s *fileSink) abort() {
	transferBuffers.Put(s.buf)
	// Nothing refers to the file; a failure leaves a file in a folder that
	// the next start empties.
	_ = s.f.Close()
	_ = os.Remove(s.f.Name())
}

// stage writes content of any kind to a temporary file.
func stage(dir string, c content) (content, error) {
	f, err := os.CreateTemp(dir, "body-")
	if err != nil {
		return nil, err
	}
	// Written straight to the file: from another file the kernel copies.
	err = writeAll(f, c)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return nil, err
	}
	return file{f.Name(), c.size()}, nil
}

// drop frees content that came in and is not going to be stored.
func (b *bucket) drop(c content) {
	switch c := c.(type) {
	case file:
		if b.disk != nil && filepath.Dir(c.path) == b.disk.tmp {
			// A failure leaves a file in a folder that the next start empties.
			_ = os.Remove(c.path)
		}
	case joined:
		for _, part := range c {
			b.drop(part)
		}
	}
}
