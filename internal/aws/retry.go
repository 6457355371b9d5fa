package aws

import (
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// maxAttempts bounds the attempts of one call unless AWS_MAX_ATTEMPTS does.
// The SDK's own default, 3, is made for calls that a person repeats; these
// calls are steps of jobs that run for hours, and a service that throttles
// needs more than two seconds to recover. The SDK's retry token bucket still
// ends the attempts early where most calls fail.
const maxAttempts = 8

const (
	firstDelay    = 100 * time.Millisecond
	throttleDelay = 500 * time.Millisecond
	maxDelay      = 20 * time.Second
)

// newRetryer gives one client its retryer: the SDK's standard mode with its
// token bucket, with delays that begin at a tenth of a second instead of one,
// and with further codes that are worth another attempt.
func newRetryer(attempts int, codes ...string) awssdk.Retryer {
	more := make(map[string]struct{}, len(codes))
	for _, code := range codes {
		more[code] = struct{}{}
	}
	throttles := retry.IsErrorThrottles(retry.DefaultThrottles)
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.Retryables = append(o.Retryables, retry.RetryableErrorCode{Codes: more})
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, err error) (time.Duration, error) {
			return delay(attempt, throttles.IsErrorThrottle(err) == awssdk.TrueTernary, rand.Float64()), nil
		})
	})
}

// rereader retries as its Retryer does, and also after an answer that cannot
// be read. It is for calls that change nothing: what is not understood may have
// been done.
type rereader struct{ awssdk.RetryerV2 }

func (r rereader) IsErrorRetryable(err error) bool {
	return unreadable(err) || r.RetryerV2.IsErrorRetryable(err)
}

// unreadable reports whether err is that of an answer which broke off, or whose
// body is not what it should be.
func unreadable(err error) bool {
	var (
		unread *smithy.DeserializationError
		syntax *xml.SyntaxError
	)
	return errors.As(err, &unread) || errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF)
}

// reread has an operation retried by a rereader.
func reread(o *s3.Options) {
	if r, ok := o.Retryer.(awssdk.RetryerV2); ok {
		o.Retryer = rereader{r}
	}
}

// delay is how long to wait after attempt, counted from 1: exponential, with
// full jitter, spread being in [0, 1).
func delay(attempt int, throttled bool, spread float64) time.Duration {
	d := firstDelay
	if throttled {
		d = throttleDelay
	}
	for ; attempt > 1 && d < maxDelay; attempt-- {
		d *= 2
	}
	return time.Duration(spread * float64(min(d, maxDelay)))
}
