package aws

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// S3 is store.Store over Amazon S3, or what speaks like it. Its methods may be
// called from many goroutines.
//
// All calls but three go through the SDK's client, with its retries in standard
// mode. Open does not, nor do the first attempts of Put at a small object and of
// UploadPart: a bundle is mostly GETs of small objects and a restore PUTs of
// them, and the SDK spends on each several times the processor time that signing
// and sending it takes; of a part it takes copies. What the SDK knows is still the SDK's to say: credentials, endpoints,
// regions.
type S3 struct {
	client  *s3.Client
	options s3.Options
	get     getter
	buckets buckets
	// payer is set to send x-amz-request-payer.
	payer types.RequestPayer
	// sdkGet sends GETs and PUTs through the client.
	sdkGet bool
	// copyLimit and copyPart are S3's limit for one CopyObject and the size of
	// a multipart copy's parts.
	copyLimit, copyPart int64
	// uploadPart is the size of Upload's parts.
	uploadPart int64
}

var _ store.Store = (*S3)(nil)

// NewS3 makes a client of S3. It sends nothing.
func NewS3(cfg Config) *S3 {
	attempts := cfg.raw.RetryMaxAttempts
	client := s3.NewFromConfig(cfg.sdk(), func(o *s3.Options) {
		o.Retryer = newRetryer(attempts, "ConditionalRequestConflict", "OperationAborted", "IncompleteBody", "InternalError",
			"BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch")
		o.UsePathStyle = o.BaseEndpoint != nil && !cfg.settings.VirtualHosts
		o.DisableLogOutputChecksumValidationSkipped = true
	})
	inFlight := cfg.settings.GetsInFlight
	if inFlight <= 0 {
		inFlight = defaultInFlight
	}
	s := &S3{
		client:     client,
		options:    client.Options(),
		get:        newGetter(cfg, inFlight),
		sdkGet:     cfg.settings.SDKGet,
		copyLimit:  5 << 30,
		copyPart:   256 << 20,
		uploadPart: 16 << 20,
	}
	if cfg.settings.RequesterPays {
		s.payer = types.RequestPayerRequester
		s.get.payer = true
	}
	return s
}

// Close ends idle connections. Calls under way are not disturbed.
func (s *S3) Close() {
	s.get.client.CloseIdle()
	if c, ok := s.options.HTTPClient.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// read, write and other start the description of a call.
func read(op, action string, where object.Location) call {
	return call{service: "s3", op: op, action: action, where: where.String(), kind: fault.Download, object: true}
}

func write(op, action string, where object.Location) call {
	return call{service: "s3", op: op, action: action, where: where.String(), kind: fault.Upload}
}

// invoke runs one operation of the SDK's client on a bucket, in the bucket's
// own region: where the answer names another one than was asked, it is
// remembered and asked.
func invoke[In, Out any](ctx context.Context, s *S3, c call, bucket string,
	op func(context.Context, *In, ...func(*s3.Options)) (*Out, error), in *In, opts ...func(*s3.Options),
) (*Out, error) {
	b := s.buckets.get(bucket)
	for again := true; ; again = false {
		asked := b.regionOr(s.options.Region)
		out, err := op(ctx, in, append(opts[:len(opts):len(opts)], func(o *s3.Options) { o.Region = asked })...)
		if err == nil {
			b.exists.Store(true)
			return out, nil
		}
		a, _ := answerOf(err)
		if !again || !b.learn(a, asked) {
			return nil, fail(ctx, c, err)
		}
	}
}

// str makes an optional field of the SDK's inputs.
func str(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// grace gives a context that outlives ctx by at most d, and by little after
// store.ErrNoTime, for what must still be told to S3 when the work is over. Its
// values are those of ctx.
func grace(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	var timer atomic.Pointer[time.Timer]
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), store.ErrNoTime) {
			d = min(d, noTimeGrace)
		}
		timer.Store(time.AfterFunc(d, func() { cancel(context.Cause(ctx)) }))
	})
	return late, func() {
		stop()
		if t := timer.Load(); t != nil {
			t.Stop()
		}
		cancel(nil)
	}
}
