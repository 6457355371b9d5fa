package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
)

const queueTarget = "AmazonSQS."

// isQueueRequest tells SQS's requests from S3's.
func isQueueRequest(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("X-Amz-Target"), queueTarget) || strings.HasPrefix(r.URL.Path, "/queue/")
}

// serveQueue hands a request to Options.Queues, with signatures checked and
// faults injected as for S3. A rule names an SQS operation such as
// ReceiveMessage; its bucket and key must be empty.
func (s *Server) serveQueue(w http.ResponseWriter, r *http.Request) {
	q := &request{s: s, w: &answer{ResponseWriter: w}, r: r, id: s.requestID()}
	q.op = strings.TrimPrefix(r.Header.Get("X-Amz-Target"), queueTarget)
	fault := s.faults.pick(Exchange{Operation: q.op, Method: r.Method}, "")
	s.counts.fault(fault.Kind)
	if !fault.wait(r.Context(), s.ctx) {
		return
	}
	switch fault.Kind {
	case Reset:
		reset(w)
		return
	case SlowDown:
		q.failQueue(http.StatusBadRequest, "com.amazonaws.sqs#RequestThrottled", "Rate exceeded")
		return
	case InternalError:
		q.failQueue(http.StatusInternalServerError, "com.amazonaws.sqs#InternalError", "The request failed")
		return
	case AccessDenied:
		q.failQueue(http.StatusForbidden, "com.amazon.coral.service#AccessDeniedException", "Access to the resource is denied.")
		return
	}
	if err := q.authenticate("sqs"); err != nil {
		e := asAPIError(err)
		q.failQueue(http.StatusForbidden, "com.amazon.coral.service#"+e.code, e.message)
		return
	}
	fault.prepare(q)
	s.opt.Queues.ServeHTTP(q.w, r)
	fault.finish(q)
}

// failQueue answers as SQS does in the AWS JSON protocol.
func (q *request) failQueue(status int, kind, message string) {
	h := q.w.Header()
	h.Set("Content-Type", "application/x-amz-json-1.0")
	h.Set("x-amzn-RequestId", q.id)
	q.w.WriteHeader(status)
	// A client that is gone needs no answer.
	_ = json.NewEncoder(q.w).Encode(map[string]string{"__type": kind, "message": message})
}
