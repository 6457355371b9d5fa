package fetch_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
)

func TestLimiterDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fetch.NewLimiter(4)
		var inFlight, most, calls atomic.Int32
		var all sync.WaitGroup
		for range 40 {
			all.Go(func() {
				err := l.Do(t.Context(), func(context.Context) error {
					calls.Add(1)
					n := inFlight.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					time.Sleep(time.Second)
					inFlight.Add(-1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if most.Load() != 4 || calls.Load() != 40 {
			t.Errorf("%d of %d at once", most.Load(), calls.Load())
		}

		calls.Store(0)
		slow := &fault.Error{Reason: fault.Retry, Throttled: true, Op: "HeadObject"}
		if err := l.Do(t.Context(), func(context.Context) error { calls.Add(1); return slow }); !errors.Is(err, error(slow)) {
			t.Errorf("got %v", err)
		}
		if calls.Load() != 3 || l.Limit() >= 4 {
			t.Errorf("throttled: %d calls, limit %d", calls.Load(), l.Limit())
		}

		calls.Store(0)
		denied := &fault.Error{Reason: fault.AccessDenied, Op: "HeadObject"}
		if err := l.Do(t.Context(), func(context.Context) error { calls.Add(1); return denied }); !errors.Is(err, error(denied)) || calls.Load() != 1 {
			t.Errorf("denied: %v after %d calls", err, calls.Load())
		}

		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("enough")
		cancel(why)
		for range 9 { // the limit is taken while the context has ended
			err := l.Do(ctx, func(ctx context.Context) error { return &fault.Error{Reason: fault.Retry, Err: context.Cause(ctx)} })
			if !errors.Is(err, why) {
				t.Errorf("ended: %v", err)
			}
		}
	})
}
