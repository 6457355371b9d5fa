package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// getObject serves GetObject and HeadObject.
func (s *Server) getObject(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	get := q.r.Method == http.MethodGet
	v, body, err := q.openVersion(b, get)
	if err != nil {
		return err
	}
	if body != nil {
		defer body.Close()
	}
	h := q.w.Header()
	if err := q.readConditions(v); err != nil {
		h.Set("Etag", `"`+v.ETag+`"`)
		h.Set("Last-Modified", httpTime(v.Modified))
		return err
	}
	if get && v.archived(s.now()) {
		return errArchived(v.Class)
	}
	off, n, ranged, err := parseRange(q.r.Header.Get("Range"), v.Size)
	if err != nil {
		return err
	}
	q.describe(b, v)
	h.Set("Content-Length", strconv.FormatInt(n, 10))
	status := http.StatusOK
	if ranged {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", off, off+n-1, v.Size))
		status = http.StatusPartialContent
	} else if q.r.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" {
		setChecksum(h, v.Checksum)
	}
	if !get {
		q.w.WriteHeader(status)
		return nil
	}
	if _, lost := body.(discarded); lost && n > 0 {
		h.Del("Content-Range")
		return body.writeTo(q.w, off, n)
	}
	q.w.WriteHeader(status)
	// An error here is a client that went away, or a fault's doing: the
	// connection ends with too few bytes.
	_ = body.writeTo(q.w, off, n)
	return nil
}

// openVersion finds what the request names and, if it is to be read, opens
// it. A HEAD of an object in the middle of a restore counts.
func (q *request) openVersion(b *bucket, open bool) (*version, reader, error) {
	id := q.query.Get("versionId")
	b.mu.RLock()
	defer b.mu.RUnlock()
	v, err := b.find(q.key, id)
	if err != nil {
		return nil, nil, err
	}
	if v.Marker {
		e := fail("MethodNotAllowed", "The specified method is not allowed against this resource.", field{"Method", q.r.Method})
		e.header = []field{{"x-amz-delete-marker", "true"}, {"x-amz-version-id", v.ID}, {"Last-Modified", httpTime(v.Modified)},
			{"Allow", "DELETE"}}
		return nil, nil, e
	}
	if !open {
		return v, nil, nil
	}
	r, err := v.content.open()
	return v, r, err
}

// describe puts all that S3 says about a version into the answer.
func (q *request) describe(b *bucket, v *version) {
	h := q.w.Header()
	h.Set("Etag", `"`+v.ETag+`"`)
	h.Set("Last-Modified", httpTime(v.Modified))
	h.Set("Accept-Ranges", "bytes")
	h.Set("X-Amz-Server-Side-Encryption", v.encryption())
	for _, f := range v.Headers {
		h.Set(f.Name, f.Value)
	}
	for _, f := range v.Metadata {
		h.Set("X-Amz-Meta-"+f.Name, headerValue(f.Value))
	}
	if len(v.Tags) > 0 {
		h.Set("X-Amz-Tagging-Count", strconv.Itoa(len(v.Tags)))
	}
	if v.Class != "" {
		h.Set("X-Amz-Storage-Class", v.Class)
	}
	if v.Restore != nil {
		h.Set("X-Amz-Restore", v.Restore.header(q.r.Method == http.MethodHead))
	}
	if b.versioned() != "" {
		h.Set("X-Amz-Version-Id", v.ID)
	}
	if len(q.query) > 0 {
		q.overrideHeaders(h)
	}
}

// overrideHeaders does what response-content-type and its like ask for.
func (q *request) overrideHeaders(h http.Header) {
	for _, name := range []string{"Content-Type", "Content-Language", "Expires", "Cache-Control", "Content-Disposition", "Content-Encoding"} {
		if parameter := "response-" + strings.ToLower(name); q.query.Has(parameter) {
			h.Set(name, q.query.Get(parameter))
		}
	}
}

// readConditions checks the conditions of a read in RFC 9110's order.
func (q *request) readConditions(v *version) error {
	h := q.r.Header
	if c := h.Get("If-Match"); c != "" {
		if !matchesETag(c, v.ETag) {
			return errPrecondition("If-Match")
		}
	} else if t, ok := conditionTime(h, "If-Unmodified-Since"); ok && v.Modified.After(t) {
		return errPrecondition("If-Unmodified-Since")
	}
	if c := h.Get("If-None-Match"); c != "" {
		if matchesETag(c, v.ETag) {
			return fail("NotModified", "Not Modified")
		}
	} else if t, ok := conditionTime(h, "If-Modified-Since"); ok && !v.Modified.After(t) {
		return fail("NotModified", "Not Modified")
	}
	return nil
}

func conditionTime(h http.Header, name string) (time.Time, bool) {
	value := h.Get(name)
	if value == "" {
		return time.Time{}, false
	}
	t, err := http.ParseTime(value)
	return t, err == nil
}

// parseRange reads a Range header for an object of size bytes. What is no
// single range of bytes is ignored, as S3 does.
func parseRange(header string, size int64) (off, n int64, ranged bool, err error) {
	first, last, ok := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	if !ok || !strings.HasPrefix(header, "bytes=") {
		return 0, size, false, nil
	}
	from, errFrom := parseBytePosition(first)
	to, errTo := parseBytePosition(last)
	switch {
	case first == "" && errTo == nil: // the last so many bytes
		n = min(to, size)
		off = size - n
	case errFrom != nil || last != "" && errTo != nil || last != "" && to < from:
		return 0, size, false, nil
	case last == "":
		off, n = from, size-from
	default:
		off, n = from, min(to, size-1)-from+1
	}
	if n <= 0 || off >= size {
		e := fail("InvalidRange", "The requested range is not satisfiable", field{"RangeRequested", header},
			field{"ActualObjectSize", strconv.FormatInt(size, 10)})
		e.header = []field{{"Content-Range", "bytes */" + strconv.FormatInt(size, 10)}}
		return 0, 0, false, e
	}
	return off, n, true, nil
}

// parseBytePosition reads digits alone; ParseInt would take a sign.
func parseBytePosition(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}
