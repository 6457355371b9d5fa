package bundler

import (
	"context"
	"time"

	"s3bundler/internal/store"
)

// linger returns a context that ends grace after ctx does, with
// store.ErrNoTime as its cause. end ends it at once, and waits for the goroutine that watches ctx.
func linger(ctx context.Context, grace time.Duration) (late context.Context, end func()) {
	late, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ctx.Done():
		case <-late.Done():
			return
		}
		sleep(late, grace)
		cancel(store.ErrNoTime)
	}()
	return late, func() {
		cancel(context.Canceled)
		<-done
	}
}
