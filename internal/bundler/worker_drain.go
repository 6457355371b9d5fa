package bundler

import (
	"context"
	"errors"
	"time"
)

// errDrained is the cause that ends the work in hand.
var errDrained = errors.New("the grace period is over")

// linger returns a context that ends grace after ctx does, with errDrained as
// its cause. end ends it at once, and waits for the goroutine that watches ctx.
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
		cancel(errDrained)
	}()
	return late, func() {
		cancel(context.Canceled)
		<-done
	}
}
