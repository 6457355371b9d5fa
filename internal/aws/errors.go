package aws

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"s3bundler/internal/fault"
	"s3bundler/internal/store"
)

// call is what was asked of AWS, for the error that tells of its failure.
type call struct {
	// service is the prefix of its IAM actions: s3, sqs, ecs.
	service string
	// op is AWS's name of the operation.
	op string
	// action is the IAM action it needs, without the service; empty if it is
	// named like op.
	action string
	// where is the s3:// URI, queue or task.
	where string
	// kind is that of a failure that ends the run.
	kind fault.Kind
	// object says that a failure may concern the one object alone, so that it
	// gets a reason.
	object bool
}

// answer is what a service said instead of doing what it was asked.
type answer struct {
	status    int
	code      string
	message   string
	requestID string
	// region is where the bucket lies, if the answer tells.
	region string
	// serverTime is when it was given, by the service's clock; zero if it
	// does not tell.
	serverTime time.Time
	// head says that it is the answer to a HEAD, which has no body and so no
	// code.
	head bool
	// deleteMarker says that a delete marker stands where an object should.
	deleteMarker bool
}

// apiError is an answer as an error: "code: message" and nothing of the SDK's
// wrapping, which says the operation and the request ID once more.
type apiError struct {
	answer
	cause error
}

func (e *apiError) Error() string {
	switch {
	case e.code == "":
		return http.StatusText(e.status)
	case e.message == "":
		return e.code
	default:
		return e.code + ": " + e.message
	}
}

// Unwrap gives the SDK's error, or a sentinel of package store.
func (e *apiError) Unwrap() error { return e.cause }

// stranger is the error of an answer, one of success even, that is not what the
// service gives: it may be that of something in between, and proves nothing.
func (c call) stranger(why string) *fault.Error {
	f := &fault.Error{Kind: c.kind, Op: c.op, Where: c.where, Transient: true, Err: errors.New(why), Hint: strangerHint(c.service)}
	if c.object {
		f.Reason = fault.Retry
	}
	return f
}

// fail makes of err, which a client returned for c, the error that this
// package returns. The end of ctx is returned as its cause.
func fail(ctx context.Context, c call, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var done *fault.Error
	if errors.As(err, &done) {
		return err
	}
	a, answered := answerOf(err)
	f := &fault.Error{Kind: c.kind, Op: c.op, Where: c.where, RequestID: a.requestID}
	var v verdict
	if answered {
		a.head = c.op == "HeadObject"
		v = judge(a)
		e := &apiError{answer: a, cause: err}
		if v.is != nil {
			e.cause = v.is
		}
		f.Err = e
	} else {
		v = judgeConnection(err)
		f.Err = unwrapped(err)
	}
	if c.object {
		f.Reason = v.reason
	}
	f.Throttled, f.Transient = v.throttled, v.reason == fault.Retry
	f.Hint = v.hint
	switch {
	case v.is == store.ErrDenied:
		f.Hint = deniedHint(c)
	case v.stranger:
		f.Hint = strangerHint(c.service)
	}
	return f
}

// brokeOff reports whether the SDK could not read an answer's body to its end.
func brokeOff(err error) bool {
	var unread *smithy.DeserializationError
	var network net.Error
	return errors.As(err, &unread) && (errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network))
}

// codeOf gives the code of the service's answer in err; empty if err holds
// none.
func codeOf(err error) string {
	a, _ := answerOf(err)
	return a.code
}

// answerOf finds the service's answer in err.
func answerOf(err error) (a answer, ok bool) {
	var own *apiError
	if errors.As(err, &own) {
		return own.answer, true
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		a.code, a.message, ok = api.ErrorCode(), api.ErrorMessage(), true
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.HTTPStatusCode() != 0 {
		a.status, a.requestID = response.HTTPStatusCode(), response.ServiceRequestID()
		// A success that cannot be read is no refusal: its error tells more.
		// Of a refusal that broke off nobody knows which it was.
		ok = ok || a.status >= http.StatusMultipleChoices && !brokeOff(err)
		if response.Response != nil && response.Response.Response != nil {
			h := response.Response.Header
			a.region = h.Get("X-Amz-Bucket-Region")
			a.deleteMarker = h.Get("X-Amz-Delete-Marker") == "true"
		}
	}
	switch a.code {
	case "NotFound", "Forbidden", "BadRequest", "MovedPermanently", "UnknownError", http.StatusText(a.status):
		// The SDK's words for an answer without a body, as HEAD gets.
		a.code, a.message = "", ""
	}
	return a, ok
}
