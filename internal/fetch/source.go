package fetch

import (
	"context"
	"errors"
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
