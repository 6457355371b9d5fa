package sandbox

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Exchange is one S3 request, and in Options.After also how it ended.
type Exchange struct {
	// Operation is S3's name, such as GetObject.
	Operation, Method, Bucket, Key string
	// Range is the request's Range header.
	Range string
	// RequestID stands in the answer's x-amz-request-id.
	RequestID string
	// Status is the HTTP status sent; 0 if the connection was cut before one.
	Status int
	// Sent is the number of body bytes sent.
	Sent int64
	// Fault is the kind that was injected, if any.
	Fault Kind
}

// request is one S3 request under way. It belongs to its handler's goroutine.
type request struct {
	s     *Server
	w     *answer
	r     *http.Request
	query url.Values
	id    string
	op    string

	bucket, key string
	signer      *signer // nil without credentials
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		reset(w)
		return
	}
	defer s.active.Done()
	switch {
	case strings.HasPrefix(r.URL.Path, controlPrefix):
		s.control(w, r)
	case s.opt.Queues != nil && isQueueRequest(r):
		s.serveQueue(w, r)
	default:
		s.serveS3(w, r)
	}
}

func (s *Server) serveS3(w http.ResponseWriter, r *http.Request) {
	q := &request{s: s, w: &answer{ResponseWriter: w}, r: r, id: s.requestID()}
	var malformed error
	q.query, malformed = url.ParseQuery(r.URL.RawQuery)
	q.bucket, q.key = place(r.Host, r.URL.Path)
	q.op = operationOf(r, q.bucket, q.key, q.query)
	s.counts.request(q.op)

	seen := Exchange{Operation: q.op, Method: r.Method, Bucket: q.bucket, Key: q.key, Range: r.Header.Get("Range"), RequestID: q.id}
	if s.opt.Before != nil {
		s.opt.Before(seen)
	}
	fault := s.faults.pick(seen, q.query.Get("partNumber"))
	s.counts.fault(fault.Kind)
	if s.opt.After != nil {
		defer func() {
			seen.Status, seen.Sent, seen.Fault = q.w.status, q.w.sent, fault.Kind
			s.opt.After(seen)
		}()
	}
	h := w.Header()
	h.Set("X-Amz-Request-Id", q.id)
	h.Set("X-Amz-Id-2", q.hostID())
	h.Set("Server", "AmazonS3")

	if !fault.wait(r.Context(), s.ctx) {
		return
	}
	if fault.instead(q) {
		return
	}
	fault.prepare(q)
	if malformed != nil {
		q.fail(errURI(r))
	} else if err := q.handle(); err != nil {
		q.fail(err)
	}
	fault.finish(q)
}

// handle checks who asks for what, and does it.
func (q *request) handle() error {
	if !utf8.ValidString(q.key) || strings.IndexByte(q.key, 0) >= 0 {
		return errURI(q.r)
	}
	if len(q.key) > maxKey {
		return fail("KeyTooLongError", "Your key is too long", field{"Size", fmt.Sprint(len(q.key))},
			field{"MaxSizeAllowed", fmt.Sprint(maxKey)})
	}
	if err := q.authenticate("s3"); err != nil {
		return err
	}
	if err := q.checkRegion(); err != nil {
		return err
	}
	if err := q.checkPayer(); err != nil {
		return err
	}
	switch q.op {
	case "":
		return fail("MethodNotAllowed", "The specified method is not allowed against this resource.",
			field{"Method", q.r.Method})
	case "NotImplemented":
		return fail("NotImplemented", "A header or query you provided implies functionality that is not implemented")
	}
	return q.s.routes[q.op](q.s, q)
}

// drain reads what is left of a body that nobody wants, up to a bound, unless
// the client waits to be told to send it. A client whose connection closes
// while it writes may not get to see the answer.
func (q *request) drain() {
	if q.r.Header.Get("Expect") == "" && !q.w.mute {
		// An error here shows when the answer is written.
		_, _ = io.CopyN(io.Discard, q.r.Body, 64<<20)
	}
}

func errURI(r *http.Request) *apiError {
	return fail("InvalidURI", "Couldn't parse the specified URI.", field{"URI", r.URL.RequestURI()})
}

// maxKey is the longest key in bytes of UTF-8.
const maxKey = 1024

// fail answers with an error. If the answer has begun there is nothing left
// to say.
func (q *request) fail(err error) {
	if q.w.status != 0 {
		return
	}
	q.drain()
	e := asAPIError(err)
	h := q.w.Header()
	for _, f := range e.header {
		h.Set(f.Name, f.Value)
	}
	if e.status() == http.StatusNotModified {
		q.w.WriteHeader(e.status())
		return
	}
	d := newErrorXML()
	d.text("Code", e.code)
	d.text("Message", e.message)
	for _, f := range e.fields {
		d.text(f.Name, f.Value)
	}
	d.text("RequestId", q.id)
	d.text("HostId", q.hostID())
	q.writeXML(e.status(), d)
}

// requestID gives 16 characters that no other request of this server has.
func (s *Server) requestID() string {
	// Multiplied by an odd number, different numbers stay different.
	n := (s.sequence.Add(1) + s.boot) * golden
	var id [16]byte
	for i := range id {
		id[i] = "0123456789ABCDEF"[n>>60]
		n <<= 4
	}
	return string(id[:])
}

// hostID stands in for the name of one of S3's hosts.
func (q *request) hostID() string { return "sandbox" + q.id }

// randomUint64 is for names that must differ from one run to the next.
func randomUint64() uint64 { return rand.Uint64() }
