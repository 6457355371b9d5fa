package retrieve

import (
	"bufio"
	"context"
	"errors"
	"io"

	"s3bundler/internal/fetch"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// skipper reads an object and leaves out what is skipped: a tar's headers can
// be read without the content between them.
type skipper struct {
	ctx    context.Context
	st     store.Reader
	o      object.Object // its Size is the object's
	offset int64
	body   io.ReadCloser
	buf    *bufio.Reader
	ask    int64 // bytes to ask for next
}

const (
	// skipRead is up to where skipping reads on, because a new request would
	// take longer.
	skipRead = 1 << 20
	// leastAsk is asked for where something was skipped, and may be again; it
	// doubles up to mostAsk as long as nothing is.
	leastAsk = 64 << 10
	mostAsk  = 1 << 30
)

func (s *skipper) Read(p []byte) (int, error) {
	for s.offset < s.o.Size {
		if s.body == nil {
			s.ask = min(max(2*s.ask, leastAsk), mostAsk)
			body, _, err := fetch.StreamRange(s.ctx, s.st, s.o, store.Range{Offset: s.offset, Length: s.ask})
			if err != nil {
				return 0, err
			}
			s.body = body
			if s.buf == nil {
				s.buf = bufio.NewReaderSize(nil, leastAsk)
			}
			s.buf.Reset(body)
		}
		n, err := s.buf.Read(p)
		s.offset += int64(n)
		if n == 0 && err == io.EOF {
			err = s.Close() // the range ends here
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.EOF
}

// Seek moves forward from the current offset; that is all a tar.Reader does.
func (s *skipper) Seek(n int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || n < 0 {
		return 0, errors.New("only forward from here")
	}
	if n > skipRead {
		s.ask = 0
		s.offset += n
		return s.offset, s.Close()
	}
	for n > 0 {
		if s.body == nil {
			s.offset += n
			break
		}
		k, err := s.buf.Discard(int(n))
		s.offset += int64(k)
		n -= int64(k)
		if err == io.EOF {
			err = s.Close()
		}
		if err != nil {
			return s.offset, err
		}
	}
	return s.offset, nil
}

func (s *skipper) Close() error {
	if s.body == nil {
		return nil
	}
	err := s.body.Close()
	s.body = nil
	return err
}
