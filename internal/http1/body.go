package http1

import (
	"bufio"
	"errors"
	"io"
	"net/http/httputil"
)

// body is the content of an answer.
type body struct {
	conn *conn
	// left is how many bytes are to come; negative if their end shows itself.
	left   int64
	chunks io.Reader // of a chunked body, else nil
	wire   *bufio.Reader
	ended  bool // its end was seen
	closed bool
}

var errClosed = errors.New("read of a closed body")

// Read reads on. io.EOF stands for the end alone.
func (b *body) Read(p []byte) (int, error) {
	switch {
	case b.closed:
		return 0, errClosed
	case b.chunks != nil:
		return b.readChunks(p)
	case b.left < 0:
		n, err := b.conn.Read(p)
		b.ended = err == io.EOF
		return n, err
	case b.left == 0:
		return 0, io.EOF
	}
	n, err := b.conn.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	switch {
	case err == io.EOF && b.left > 0:
		err = io.ErrUnexpectedEOF
	case b.left == 0 && (err == nil || err == io.EOF):
		err = io.EOF
	}
	return n, err
}

// dechunk takes the body for a chunked one.
func (b *body) dechunk() {
	b.wire = bufio.NewReader(b.conn)
	b.chunks = httputil.NewChunkedReader(b.wire)
}

func (b *body) readChunks(p []byte) (int, error) {
	if b.ended {
		return 0, io.EOF
	}
	n, err := b.chunks.Read(p)
	if err != io.EOF {
		return n, err
	}
	// Behind the last chunk are trailer fields, of no use here, and an empty line.
	for {
		line, err := b.wire.ReadSlice('\n')
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return n, err
		}
		if len(line) == 1 || len(line) == 2 && line[0] == '\r' {
			b.ended = true
			return n, io.EOF
		}
	}
}

// Close ends the answer.
func (b *body) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	b.conn.release(b.left == 0 || b.ended && (b.wire == nil || b.wire.Buffered() == 0))
	return nil
}
