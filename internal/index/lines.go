package index

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Lines holds the lines of an index until the archive they describe is
// stored. It keeps them compressed, at about a sixth of their size, so that a
// manifest of millions of rows needs no disk. It belongs to one goroutine.
type Lines struct {
	buf   bytes.Buffer
	enc   *zstd.Encoder
	count int
	line  []byte
}

// Appender is a line that knows how it is written.
type Appender interface{ Append(dst []byte) []byte }

// Add adds one line.
func (l *Lines) Add(a Appender) error {
	if l.enc == nil {
		enc, err := zstd.NewWriter(&l.buf, zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(128<<10))
		if err != nil {
			return err
		}
		l.enc = enc
	}
	l.line = a.Append(l.line[:0])
	l.count++
	_, err := l.enc.Write(l.line)
	return err
}

// Count is the number of lines.
func (l *Lines) Count() int { return l.count }

// Reader gives the lines as they stand in an index. No line may be added after
// it. The caller closes it.
func (l *Lines) Reader() (io.ReadCloser, error) {
	if l.enc == nil {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	if err := l.enc.Close(); err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(bytes.NewReader(l.buf.Bytes()), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return dec.IOReadCloser(), nil
}
