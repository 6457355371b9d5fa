package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

func (s *Server) createMultipartUpload(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	attr, err := q.attributes()
	if err != nil {
		return err
	}
	u := &upload{id: newVersionID() + newVersionID(), key: q.key, attr: attr, started: s.now(), parts: map[int]*part{}}
	if err := u.chooseChecksum(q.r.Header.Get("X-Amz-Checksum-Algorithm"), q.r.Header.Get("X-Amz-Checksum-Type")); err != nil {
		return err
	}
	b.mu.Lock()
	b.uploads[u.id] = u
	b.mu.Unlock()
	if u.named {
		q.w.Header().Set("X-Amz-Checksum-Algorithm", u.algorithm)
		q.w.Header().Set("X-Amz-Checksum-Type", u.kind)
	}
	d := newXML("InitiateMultipartUploadResult")
	d.text("Bucket", b.name)
	d.text("Key", q.key)
	d.text("UploadId", u.id)
	q.writeXML(http.StatusOK, d)
	return nil
}

// part finds the upload that a request for one part names.
func (q *request) part() (b *bucket, u *upload, number int, err error) {
	number, err = strconv.Atoi(q.query.Get("partNumber"))
	if err != nil || number < 1 || number > 10_000 {
		return nil, nil, 0, errArgument("Part number must be an integer between 1 and 10000, inclusive", "partNumber", q.query.Get("partNumber"))
	}
	if b, err = q.s.bucket(q.bucket); err != nil {
		return nil, nil, 0, err
	}
	u, err = b.upload(q.query.Get("uploadId"), q.key)
	return b, u, number, err
}

func (s *Server) uploadPart(q *request) error {
	b, u, number, err := q.part()
	if err != nil {
		return err
	}
	given, _, err := givenChecksum(q.r.Header)
	if err != nil {
		return err
	}
	if err := u.acceptsPart(given.Algorithm); err != nil {
		return err
	}
	to, err := b.newSink(q.bodySize())
	if err != nil {
		return err
	}
	got, err := q.receiveBy(to, u.algorithm, b.quick)
	if err != nil {
		return err
	}
	p := &part{number: number, etag: putETag(got, u.attr.encryption), md5: got.md5, sum: got.sum.Value, modified: s.now(), content: got.content}
	if err := u.add(b, p); err != nil {
		return err
	}
	h := q.w.Header()
	h.Set("ETag", `"`+p.etag+`"`)
	h.Set(got.sum.header(), got.sum.Value)
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// acceptsPart refuses a part's checksum that is not of the upload's kind.
func (u *upload) acceptsPart(algorithm string) error {
	expected, actual := "null", "null"
	if u.named {
		expected = strings.ToLower(u.algorithm)
	}
	if algorithm != "" {
		actual = strings.ToLower(algorithm)
	}
	if algorithm == "" && u.kind == fullObject || algorithm == u.algorithm {
		return nil
	}
	return fail("InvalidRequest", fmt.Sprintf("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", expected, actual))
}

func (s *Server) uploadPartCopy(q *request) error {
	b, u, number, err := q.part()
	if err != nil {
		return err
	}
	_, source, old, body, err := q.openSource()
	if err != nil {
		return err
	}
	defer body.Close()
	off, n, err := parseCopyRange(q.r.Header.Get("X-Amz-Copy-Source-Range"), old.Size)
	if err != nil {
		return err
	}
	if n > s.opt.MaxCopySize {
		return fail("InvalidRequest", fmt.Sprintf("The specified copy source is larger than the maximum allowable size for a copy source: %d",
			s.opt.MaxCopySize))
	}
	p, err := b.copyPart(u, number, old, body, off, n)
	if err != nil {
		return err
	}
	p.modified = s.now()
	if err := u.add(b, p); err != nil {
		return err
	}
	if source.versioned() != "" {
		q.w.Header().Set("X-Amz-Copy-Source-Version-Id", old.ID)
	}
	d := newXML("CopyPartResult")
	d.time("LastModified", p.modified)
	d.etag(p.etag)
	d.text("Checksum"+u.algorithm, p.sum)
	q.writeXML(http.StatusOK, d)
	return nil
}

// parseCopyRange reads x-amz-copy-source-range: bytes=first-last, both within
// the source.
func parseCopyRange(header string, size int64) (off, n int64, err error) {
	if header == "" {
		return 0, size, nil
	}
	first, last, ok := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	from, errFrom := parseBytePosition(first)
	to, errTo := parseBytePosition(last)
	switch {
	case !ok || !strings.HasPrefix(header, "bytes=") || errFrom != nil || errTo != nil || to < from:
		return 0, 0, errArgument("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are"+
			" the zero-based offsets of the first and last bytes to copy", "x-amz-copy-source-range", header)
	case to >= size:
		return 0, 0, errArgument(fmt.Sprintf("Range specified is not valid for source object of size: %d", size), "x-amz-copy-source-range", header)
	}
	return from, to - from + 1, nil
}

// copyPart makes a part of n bytes of an open source.
func (b *bucket) copyPart(u *upload, number int, old *version, body reader, off, n int64) (*part, error) {
	got, err := sumRange(body, off, n, u.algorithm)
	if err != nil {
		return nil, err
	}
	p := &part{number: number, etag: putETag(got, u.attr.encryption), md5: got.md5, sum: got.sum.Value}
	c := sectionOf(old.content, off, n)
	switch {
	case b.discard:
		p.content = discarded(n)
	case b.disk == nil:
		p.content = c
	default:
		p.content, err = stage(b.disk.tmp, opened{openSection{body, off}, n})
	}
	return p, err
}

func (s *Server) abortMultipartUpload(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	u, err := b.upload(q.query.Get("uploadId"), q.key)
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return errNoSuchUpload(u.id)
	}
	u.end(b)
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}
