package sandbox

import (
	"fmt"
	"net/http"
	"strings"
)

// newSink makes what a body of a bucket goes to.
func (b *bucket) newSink(size int64) (sink, error) {
	switch {
	case b.discard:
		return newDiscardSink(), nil
	case b.disk != nil:
		return newFileSink(b.disk.tmp)
	}
	return newMemorySink(size), nil
}

// bodySize is how long the request says its content is, or 0.
func (q *request) bodySize() int64 {
	body, err := q.openBody()
	if err != nil {
		return 0
	}
	return max(body.size, 0)
}

func (s *Server) putObject(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	attr, err := q.attributes()
	if err != nil {
		return err
	}
	// Looked at before the body for the client's sake, and again when it is
	// stored.
	b.mu.RLock()
	err = q.writeConditions(b)
	b.mu.RUnlock()
	if err != nil {
		return err
	}
	to, err := b.newSink(q.bodySize())
	if err != nil {
		return err
	}
	got, err := q.receiveBy(to, "CRC64NVME", b.quick)
	if err != nil {
		return err
	}
	v := attr.version(got.content)
	v.Modified, v.ETag, v.Checksum = s.now(), putETag(got, attr.encryption), got.sum
	if err := q.publish(b, v); err != nil {
		return err
	}
	h := q.w.Header()
	h.Set("ETag", `"`+v.ETag+`"`)
	setChecksum(h, v.Checksum)
	h.Set("X-Amz-Server-Side-Encryption", v.encryption())
	q.w.WriteHeader(http.StatusOK)
	s.notify(b.name, q.key, v, "ObjectCreated:Put")
	return nil
}

// version makes a version with these attributes.
func (a attributes) version(c content) *version {
	return &version{Size: c.size(), Headers: a.headers, Metadata: a.metadata, Tags: a.tags, Class: a.class,
		Encryption: a.encryption, content: c}
}

func (v *version) encryption() string {
	if v.Encryption == "" {
		return "AES256"
	}
	return v.Encryption
}

// publish stores v as the newest version of the request's key, if the
// request's conditions hold at that moment.
func (q *request) publish(b *bucket, v *version) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := q.writeConditions(b)
	if err == nil {
		err = b.add(q.key, v)
	}
	if err != nil {
		b.drop(v.content)
		return err
	}
	if b.versioned() != "" {
		q.w.Header().Set("X-Amz-Version-Id", v.ID)
	}
	return nil
}

// writeConditions checks If-Match and If-None-Match of a write. The lock is
// held.
func (q *request) writeConditions(b *bucket) error {
	match, none := q.r.Header.Get("If-Match"), q.r.Header.Get("If-None-Match")
	if match == "" && none == "" {
		return nil
	}
	current := b.latest(q.key)
	exists := current != nil && !current.Marker
	switch {
	case none != "" && none != "*":
		return fail("NotImplemented", "A header you provided implies functionality that is not implemented",
			field{"Header", "If-None-Match"})
	case none == "*" && exists:
		return errPrecondition("If-None-Match")
	case match != "" && !exists:
		return errNoSuchKey(q.key)
	case match != "" && !matchesETag(match, current.ETag):
		return errPrecondition("If-Match")
	}
	return nil
}

// matchesETag looks for an ETag in a condition: a list, or * for any.
func matchesETag(condition, etag string) bool {
	for c := range strings.SplitSeq(condition, ",") {
		c = strings.TrimPrefix(strings.TrimSpace(c), "W/")
		if c == "*" || strings.Trim(c, `"`) == etag {
			return true
		}
	}
	return false
}

func hexWord(x uint64) string { return fmt.Sprintf("%016x", x) }
