package sandbox

import (
	"crypto/md5"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// copySource is where a copy comes from.
type copySource struct{ bucket, key, version string }

// parseCopySource reads x-amz-copy-source: [/]bucket/key[?versionId=id],
// URL-encoded, in which + is a space.
func parseCopySource(header string) (copySource, error) {
	path, id, _ := strings.Cut(header, "?versionId=")
	path, err := url.QueryUnescape(path)
	bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if err != nil || !ok || bucket == "" || key == "" {
		return copySource{}, errArgument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
			"x-amz-copy-source", header)
	}
	return copySource{bucket, key, id}, nil
}

// openSource finds a copy's source and opens it, if it may be copied. The
// caller closes the reader.
func (q *request) openSource() (from copySource, b *bucket, v *version, r reader, err error) {
	if from, err = parseCopySource(q.r.Header.Get("X-Amz-Copy-Source")); err != nil {
		return from, nil, nil, nil, err
	}
	if b, err = q.s.bucket(from.bucket); err != nil {
		return from, nil, nil, nil, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if v, err = b.find(from.key, from.version); err != nil {
		return from, b, nil, nil, err
	}
	switch {
	case v.Marker:
		return from, b, nil, nil, fail("InvalidRequest", "The source of a copy request may not specifically refer to a delete marker by version id.")
	case v.archived(q.s.now()):
		return from, b, nil, nil, fail("InvalidObjectState", "Operation is not valid for the source object's storage class",
			field{"StorageClass", v.Class})
	}
	if err = q.sourceConditions(v); err != nil {
		return from, b, nil, nil, err
	}
	r, err = v.content.open()
	return from, b, v, r, err
}

// sourceConditions checks the x-amz-copy-source-if headers. See "CopyObject"
// in the S3 API Reference.
func (q *request) sourceConditions(v *version) error {
	h := q.r.Header
	if c := h.Get("X-Amz-Copy-Source-If-Match"); c != "" {
		if !matchesETag(c, v.ETag) {
			return errPrecondition("x-amz-copy-source-If-Match")
		}
	} else if t, ok := conditionTime(h, "X-Amz-Copy-Source-If-Unmodified-Since"); ok && v.Modified.After(t) {
		return errPrecondition("x-amz-copy-source-If-Unmodified-Since")
	}
	if c := h.Get("X-Amz-Copy-Source-If-None-Match"); c != "" {
		if matchesETag(c, v.ETag) {
			return errPrecondition("x-amz-copy-source-If-None-Match")
		}
	} else if t, ok := conditionTime(h, "X-Amz-Copy-Source-If-Modified-Since"); ok && !v.Modified.After(t) {
		return errPrecondition("x-amz-copy-source-If-Modified-Since")
	}
	return nil
}

func (s *Server) copyObject(q *request) error {
	to, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	from, source, old, body, err := q.openSource()
	if err != nil {
		return err
	}
	defer body.Close()
	if old.Size > s.opt.MaxCopySize {
		return fail("InvalidRequest", fmt.Sprintf("The specified copy source is larger than the maximum allowable size for a copy source: %d",
			s.opt.MaxCopySize))
	}
	v, err := q.copyAttributes(from, old)
	if err != nil {
		return err
	}
	if v.content, err = to.duplicate(body, old); err != nil {
		return err
	}
	if err := v.sumCopy(body, old, strings.ToUpper(q.r.Header.Get("X-Amz-Checksum-Algorithm"))); err != nil {
		to.drop(v.content)
		return err
	}
	v.Size, v.Modified = old.Size, s.now()
	if err := q.publish(to, v); err != nil {
		return err
	}
	if source.versioned() != "" {
		q.w.Header().Set("X-Amz-Copy-Source-Version-Id", old.ID)
	}
	q.w.Header().Set("X-Amz-Server-Side-Encryption", v.encryption())
	d := newXML("CopyObjectResult")
	d.time("LastModified", v.Modified)
	d.etag(v.ETag)
	d.checksum(v.Checksum)
	q.writeXML(http.StatusOK, d)
	s.notify(to.name, q.key, v, "ObjectCreated:Copy")
	return nil
}

// checksum writes a checksum's elements.
func (d *xmlDoc) checksum(sum checksum) {
	if sum.Algorithm != "" {
		d.text(sum.element(), sum.Value)
		d.text("ChecksumType", sum.Type)
	}
}

// copyAttributes makes the copy's version with what the directives say.
func (q *request) copyAttributes(from copySource, old *version) (*version, error) {
	attr, err := q.attributes()
	if err != nil {
		return nil, err
	}
	replaced, err := directive(q.r.Header, "X-Amz-Metadata-Directive")
	if err != nil {
		return nil, err
	}
	replacedTags, err := directive(q.r.Header, "X-Amz-Tagging-Directive")
	if err != nil {
		return nil, err
	}
	if from.bucket == q.bucket && from.key == q.key && from.version == "" && !replaced && !replacedTags &&
		attr.class == old.Class && attr.encryption == old.Encryption {
		return nil, fail("InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself without"+
			" changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	if !replaced {
		attr.headers, attr.metadata = old.Headers, old.Metadata
	}
	if !replacedTags {
		attr.tags = old.Tags
	}
	return attr.version(memory(nil)), nil
}

// directive reads COPY, REPLACE or nothing.
func directive(h http.Header, name string) (replace bool, err error) {
	switch v := h.Get(name); v {
	case "", "COPY":
		return false, nil
	case "REPLACE":
		return true, nil
	default:
		return false, errArgument("Unknown metadata directive.", strings.ToLower(name), v)
	}
}

// duplicate makes content for b of what is open.
func (b *bucket) duplicate(body reader, old *version) (content, error) {
	if b.discard {
		return discarded(old.Size), nil
	}
	return b.keep(old.content, body)
}

// keep makes c, opened as body, b's own: a file belongs to one object alone,
// everything else can be shared.
func (b *bucket) keep(c content, body reader) (content, error) {
	if b.disk == nil {
		return c, nil
	}
	switch c.(type) {
	case Generated, discarded:
		return c, nil
	}
	return stage(b.disk.tmp, opened{body, c.size()})
}

// opened is content that is open already. It stays the opener's to close.
type opened struct {
	reader
	bytes int64
}

func (o opened) size() int64           { return o.bytes }
func (o opened) open() (reader, error) { return o, nil }

// Close leaves closing to who opened it.
func (o opened) Close() error { return nil }

// sumCopy sets the copy's ETag and checksum. A copy is one part, whatever its
// source was; its checksum is of the whole, in the source's algorithm unless
// another is asked for.
func (v *version) sumCopy(body reader, old *version, algorithm string) error {
	if algorithm == "" {
		algorithm = old.Checksum.Algorithm
	}
	if algorithm == "" {
		algorithm = "CRC64NVME"
	}
	known := old.Checksum.Algorithm == algorithm && old.Checksum.Type == fullObject
	plain := len(old.ETag) == 2*md5.Size && old.Encryption == "" && v.Encryption == ""
	v.ETag, v.Checksum = old.ETag, old.Checksum
	if _, lost := body.(discarded); known && plain || lost {
		return nil
	}
	sum, hashMD5 := newHash(algorithm), md5.New()
	if sum == nil {
		return fail("InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	if err := body.writeTo(hashWriter(hashMD5, sum), 0, old.Size); err != nil {
		return err
	}
	v.Checksum = checksum{algorithm, encodeSum(sum.Sum(nil)), fullObject}
	v.ETag = putETag(received{md5: hashMD5.Sum(nil)}, v.Encryption)
	return nil
}

func hashWriter(hashes ...hash.Hash) io.Writer {
	writers := make([]io.Writer, len(hashes))
	for i, h := range hashes {
		writers[i] = h
	}
	return io.MultiWriter(writers...)
}
