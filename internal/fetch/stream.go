package fetch

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// Stream opens one object for reading from start to end: a report, a data
// file, a manifest, an index. A body that breaks is resumed at its offset,
// pinned to the ETag of the first answer, and the content is checked against
// S3's checksum before the end is reported. The reader belongs to one
// goroutine, which closes it; the end of ctx ends its reads.
func Stream(ctx context.Context, r store.Reader, o object.Object) (io.ReadCloser, object.Attributes, error) {
	s := &stream{ctx: ctx, r: r, o: o, attempt: 1}
	s.o.ETag = ""
	if err := s.start(); err != nil {
		return nil, object.Attributes{}, err
	}
	s.sum = newDigest(&s.attr)
	return s, s.attr, nil
}

// start opens the body for the first time.
func (s *stream) start() error {
	for {
		err := s.open()
		if err == nil {
			return nil
		}
		if err = s.again(err); err != nil {
			return err
		}
	}
}

type stream struct {
	ctx     context.Context
	r       store.Reader
	o       object.Object
	attr    object.Attributes
	known   bool
	body    io.ReadCloser
	cancel  context.CancelCauseFunc // of body's request
	watch   *time.Timer             // calls cancel; stopped but in a read
	reqCtx  context.Context
	offset  int64
	end     int64 // of a range; 0 means that of the object
	ranged  bool  // there is no checksum of what is read
	attempt int   // since the last progress
	sum     digest
	err     error
}

// open asks for what is not read yet.
func (s *stream) open() error {
	s.reqCtx, s.cancel = context.WithCancelCause(s.ctx)
	cancel := s.cancel
	s.watch = time.AfterFunc(stallAfter, func() { cancel(errStalled) })
	rest := store.Range{Offset: s.offset}
	if s.end > 0 {
		rest.Length = s.end - s.offset
	}
	body, attr, err := s.r.Open(s.reqCtx, s.o, rest)
	s.watch.Stop()
	if err != nil {
		err = asRetry(s.reqCtx, part{object: s.o}, err)
		s.cancel(nil)
		return err
	}
	if !s.known {
		s.known, s.attr = true, attr
		s.o.ETag = attr.ETag
		if s.end == 0 || s.end > attr.Size {
			s.end = attr.Size
		}
	}
	s.body = body
	return nil
}

// again waits before the next attempt, or returns err if there is to be none.
func (s *stream) again(err error) error {
	if fault.ReasonOf(err) != fault.Retry || s.attempt == maxAttempts {
		return err
	}
	s.attempt++
	return pause(s.ctx, s.attempt-1)
}

// Read reads on.
func (s *stream) Read(p []byte) (int, error) {
	for s.err == nil {
		if s.offset == s.end {
			s.err = io.EOF
			if !s.ranged {
				s.err = cmp.Or(s.sum.check(s.o.Location().String()), io.EOF)
			}
			break
		}
		n, err := s.readBody(p)
		if n > 0 {
			return n, nil
		}
		if err != nil {
			s.err = s.again(err)
		}
	}
	return 0, s.err
}

// readBody reads from the body, which it opens first where there is none. An
// error leaves no body.
func (s *stream) readBody(p []byte) (int, error) {
	if s.body == nil {
		if err := s.open(); err != nil {
			return 0, err
		}
	}
	p = p[:min(int64(len(p)), s.end-s.offset)]
	s.watch.Reset(stallAfter)
	n, err := s.body.Read(p)
	s.watch.Stop()
	if n > 0 {
		if !s.ranged {
			s.sum.add(p[:n])
		}
		s.offset += int64(n)
		s.attempt = 1
		return n, nil
	}
	if err == nil {
		return 0, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	err = asRetry(s.reqCtx, part{object: s.o}, err)
	s.closeBody()
	return 0, err
}

func (s *stream) closeBody() error {
	if s.body == nil {
		return nil
	}
	err := s.body.Close()
	s.cancel(nil)
	s.body = nil
	return err
}

// Close ends the reading.
func (s *stream) Close() error {
	if s.err == nil {
		s.err = errors.New("read of a closed stream")
	}
	return s.closeBody()
}
