package fetch

import (
	"context"

	"s3bundler/internal/fault"
)

// Do sends one request that is no GET under the limit: f is called when there
// is leave to send, and its error tells whether S3 asks for fewer requests. A
// failure with reason Retry is tried again, for which f must be able to run
// twice.
func (l *Limiter) Do(ctx context.Context, f func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		token, err := l.acquire(ctx)
		if err != nil {
			return err
		}
		err = f(ctx)
		switch {
		case err == nil:
			l.release(token, fine)
			return nil
		case fault.Throttled(err):
			l.release(token, throttled)
		default:
			l.release(token, failed)
		}
		// What f calls has its own retries, so few are added to them.
		if fault.ReasonOf(err) != fault.Retry || attempt == doAttempts {
			return err
		}
		if err := pause(ctx, attempt+4); err != nil {
			return err
		}
	}
}

const doAttempts = 3
