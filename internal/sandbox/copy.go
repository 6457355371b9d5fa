package sandbox

import (
	"crypto/md5"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
)

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

// duplicate makes content for b of the version that is open as body: a file
// belongs to one object alone, everything else can be shared.
func (b *bucket) duplicate(body reader, old *version) (content, error) {
	if b.discard {
		return discarded(old.Size), nil
	}
	if b.disk == nil {
		return old.content, nil
	}
	switch old.content.(type) {
	case Generated, discarded:
		return old.content, nil
	}
	return stage(b.disk.tmp, opened{body, old.Size})
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

// sumRange reads n bytes from off for their MD5 and checksum. Content that
// was discarded has neither.
func sumRange(body reader, off, n int64, algorithm string) (received, error) {
	hashMD5, sum := md5.New(), newHash(algorithm)
	if sum == nil {
		return received{md5: nil}, body.writeTo(hashMD5, off, n)
	}
	if err := body.writeTo(hashWriter(hashMD5, sum), off, n); err != nil {
		return received{}, err
	}
	return received{md5: hashMD5.Sum(nil), sum: checksum{algorithm, encodeSum(sum.Sum(nil)), fullObject}}, nil
}
