package index

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Lines holds the text of an index until the archive it describes is stored.
// It keeps it compressed, at about a sixth of its size, so that a manifest of
// millions of rows needs no disk. It belongs to one goroutine.
type Lines struct {
	buf  bytes.Buffer
	enc  *zstd.Encoder
	size int64
}

// Write adds lines.
func (l *Lines) Write(p []byte) (int, error) {
	if l.enc == nil {
		enc, err := zstd.NewWriter(&l.buf, zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(128<<10))
		if err != nil {
			return 0, err
		}
		l.enc = enc
	}
	n, err := l.enc.Write(p)
	l.size += int64(n)
	return n, err
}

// Size is that of the lines in bytes.
func (l *Lines) Size() int64 { return l.size }

// Memory is how many bytes they take, compressed.
func (l *Lines) Memory() int { return l.buf.Len() }

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
