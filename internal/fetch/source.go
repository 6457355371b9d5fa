package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

const (
	// maxAttempts without a byte of progress end a read.
	maxAttempts = 10
	firstPause  = 50 * time.Millisecond
	longPause   = 10 * time.Second
	// stallAfter is how long S3 may send nothing before the request is given
	// up and sent again.
	stallAfter = 30 * time.Second
)

// Stats counts what reading took. Its fields may be read at any time.
type Stats struct {
	Gets      atomic.Int64 // GET requests sent
	Errors    atomic.Int64 // of them, failed, whether or not they were sent again
	Retries   atomic.Int64 // of them, sent again after a failure
	Throttles atomic.Int64 // answers that asked for fewer requests
	Bytes     atomic.Int64 // body bytes received
}

var errStalled = errors.New("S3 sent nothing for " + stallAfter.String())

// source reads from a store with retries; a body that breaks is gone on with
// at its offset, pinned to its ETag.
type source struct {
	r      store.Reader
	limit  *Limiter
	stats  *Stats
	budget *Budget
}

// part is what one read of a source wants.
type part struct {
	object object.Object
	offset int64
	// whole asks without a range, so that the answer can carry the object's
	// checksum. Its offset is 0.
	whole bool
	// admitted says that the Limiter has let the first request in, with token.
	admitted bool
	token    int
}

// fill reads p into buf: as much as buf holds, less where the object ends.
// answered is called once, with the first answer's attributes, before the
// body is read. From then on every request asks for that ETag.
func (s *source) fill(ctx context.Context, p part, buf []byte, answered func(object.Attributes)) (n int, err error) {
	known := false
	seen := func(a object.Attributes) {
		if !known {
			known = true
			p.object.ETag = a.ETag
			answered(a)
		}
	}
	for attempt := 1; ; attempt++ {
		got, err := s.once(ctx, p, buf, n, seen)
		p.admitted = false
		if got > 0 {
			n, attempt = n+got, 1
		}
		if err == nil {
			return n, nil
		}
		if errors.Is(err, store.ErrRange) {
			if known || p.offset > 0 || p.whole {
				return n, &fault.Error{Reason: fault.Changed, Op: "read", Where: p.object.Location().String(), Err: err}
			}
			p.whole = true // an empty object has no range
			continue
		}
		if ctx.Err() == nil {
			s.stats.Errors.Add(1)
		}
		if fault.ReasonOf(err) != fault.Retry || attempt == maxAttempts {
			return n, err
		}
		s.stats.Retries.Add(1)
		if err := pause(ctx, attempt); err != nil {
			return n, err
		}
	}
}

// once sends one request for what is missing from buf[:n] on, and returns how
// much of it came.
func (s *source) once(ctx context.Context, p part, buf []byte, n int, seen func(object.Attributes)) (got int, err error) {
	token := p.token
	if !p.admitted {
		if token, err = s.limit.acquire(ctx); err != nil {
			return 0, err
		}
	}
	v := failed
	defer func() { s.limit.release(token, v) }()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(stallAfter, func() { cancel(errStalled) })
	defer watch.Stop()

	r := store.Range{Offset: p.offset + int64(n), Length: int64(len(buf) - n)}
	if p.whole {
		r.Length = 0
	}
	s.stats.Gets.Add(1)
	body, a, err := s.r.Open(ctx, p.object, r)
	if err != nil {
		if fault.Throttled(err) {
			v = throttled
			s.stats.Throttles.Add(1)
		}
		return 0, asRetry(ctx, p, err)
	}
	defer body.Close()
	if p.object.ETag != "" && a.ETag != p.object.ETag {
		return 0, &fault.Error{Reason: fault.Changed, Op: "read", Where: p.object.Location().String(),
			Err: fmt.Errorf("ETag is %s, was %s", a.ETag, p.object.ETag)}
	}
	seen(a)
	want := int(min(int64(len(buf)), a.Size-p.offset)) - n
	defer func() { s.stats.Bytes.Add(int64(got)) }()
	for got < want {
		k, err := body.Read(buf[n+got : n+want])
		got += k
		if err != nil && got < want {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return got, asRetry(ctx, p, err)
		}
		watch.Reset(stallAfter)
	}
	v = fine
	return got, nil
}

// asRetry gives an error without a reason that concerns the connection alone
// the reason Retry; a context's end stays what it is.
func asRetry(ctx context.Context, p part, err error) error {
	switch cause := context.Cause(ctx); {
	case cause == errStalled:
		err = errStalled
	case cause != nil:
		return cause
	default:
		var classified *fault.Error
		if errors.As(err, &classified) {
			return err
		}
	}
	return &fault.Error{Reason: fault.Retry, Op: "GetObject", Where: p.object.Location().String(), Err: err}
}

// pause waits before attempt+1: exponential, with full jitter.
func pause(ctx context.Context, attempt int) error {
	ceiling := min(firstPause<<(attempt-1), longPause)
	t := time.NewTimer(rand.N(ceiling) + time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
