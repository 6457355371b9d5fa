package sandbox

import (
	"context"
	"net/http"
	"time"
)

// instead answers in place of the handler, if the fault is one of those.
func (f Fault) instead(q *request) bool {
	switch f.Kind {
	case SlowDown:
		q.fail(fail("SlowDown", "Please reduce your request rate."))
	case InternalError:
		q.fail(fail("InternalError", "We encountered an internal error. Please try again."))
	case AccessDenied:
		q.fail(fail("AccessDenied", "Access Denied"))
	case InvalidObjectState:
		q.fail(errArchived("GLACIER"))
	case InternalErrorIn200:
		q.failIn200()
	case Reset:
		reset(q.w)
	default:
		return false
	}
	return true
}

// failIn200 is how S3 says that an operation failed after it had begun to
// answer.
func (q *request) failIn200() {
	d := newErrorXML()
	d.text("Code", "InternalError")
	d.text("Message", "We encountered an internal error. Please try again.")
	d.text("RequestId", q.id)
	d.text("HostId", q.hostID())
	q.writeXML(http.StatusOK, d)
}

// prepare plans what goes wrong while the handler answers.
func (f Fault) prepare(q *request) {
	switch f.Kind {
	case CutBody, StallBody, CorruptBody, WrongChecksum:
		q.w.plan = &bodyPlan{kind: f.Kind, at: f.At, wait: func() { f.stall(q.r.Context(), q.s.ctx) }}
	case LoseAnswer:
		q.w.mute = true
	}
}

// finish does what goes wrong after the handler.
func (f Fault) finish(q *request) {
	switch f.Kind {
	case Replace:
		q.s.replace(q.bucket, q.key)
	case LoseAnswer:
		q.w.status = 0
		reset(q.w)
	}
}

// wait holds the first byte up. It reports false if the request is over.
func (f Fault) wait(request, server context.Context) bool {
	if f.Latency == 0 || f.Kind == StallBody {
		return true
	}
	t := time.NewTimer(time.Duration(f.Latency))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-request.Done():
	case <-server.Done():
	}
	return false
}

// stall waits for as long as a stalled body does.
func (f Fault) stall(request, server context.Context) {
	if f.Latency > 0 {
		Fault{Kind: Latency, Latency: f.Latency}.wait(request, server)
		return
	}
	select {
	case <-request.Done():
	case <-server.Done():
	}
}
