package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// worker reads from a source, one request after the other. It keeps for the
// next request what is the same in all: their context, and the timer that ends
// one on which nothing arrives. It belongs to one goroutine, which calls end
// at last.
type worker struct {
	*source
	parent context.Context // of ctx
	ctx    context.Context
	cancel context.CancelCauseFunc
	watch  *time.Timer // calls cancel; stopped between requests
}

// begin gives the context of a request under ctx.
func (w *worker) begin(ctx context.Context) context.Context {
	if w.parent == ctx && w.ctx.Err() == nil {
		w.watch.Reset(stallAfter)
		return w.ctx
	}
	w.end()
	next, cancel := context.WithCancelCause(ctx)
	w.parent, w.ctx, w.cancel = ctx, next, cancel
	w.watch = time.AfterFunc(stallAfter, func() { cancel(errStalled) })
	return next
}

// rest ends a request.
func (w *worker) rest() {
	if !w.watch.Stop() {
		w.end() // it was about to be given up
	}
}

// end frees what is kept.
func (w *worker) end() {
	if w.parent != nil {
		w.watch.Stop()
		w.cancel(nil)
		w.parent = nil
	}
}

// fill reads p into buf: as much as buf holds, less where the object ends.
// answered is called once, with the first answer's attributes, before the
// body is read. From then on every request asks for that ETag.
func (w *worker) fill(ctx context.Context, p part, buf []byte, answered func(object.Attributes)) (n int, err error) {
	known := false
	seen := func(a object.Attributes) {
		if !known {
			known = true
			p.object.ETag = a.ETag
			answered(a)
		}
	}
	for attempt := 1; ; attempt++ {
		got, err := w.once(ctx, p, buf, n, seen)
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
			w.stats.Errors.Add(1)
		}
		if fault.ReasonOf(err) != fault.Retry || attempt == maxAttempts {
			return n, err
		}
		w.stats.Retries.Add(1)
		if err := pause(ctx, attempt); err != nil {
			return n, err
		}
	}
}

// once sends one request for what is missing from buf[:n] on, and returns how
// much of it came.
func (w *worker) once(ctx context.Context, p part, buf []byte, n int, seen func(object.Attributes)) (got int, err error) {
	token, err := w.limit.acquire(ctx)
	if err != nil {
		return 0, err
	}
	v := failed
	defer func() { w.limit.release(token, v) }()

	ctx = w.begin(ctx)
	defer w.rest()

	r := store.Range{Offset: p.offset + int64(n), Length: int64(len(buf) - n)}
	if p.whole {
		r.Length = 0
	}
	w.stats.Gets.Add(1)
	body, a, err := w.r.Open(ctx, p.object, r)
	if err != nil {
		if fault.Throttled(err) {
			v = throttled
			w.stats.Throttles.Add(1)
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
	defer func() { w.stats.Bytes.Add(int64(got)) }()
	for got < want {
		k, err := body.Read(buf[n+got : n+want])
		if got += k; got >= want {
			break
		}
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return got, asRetry(ctx, p, err)
		}
		w.watch.Reset(stallAfter)
	}
	v = fine
	return got, nil
}
