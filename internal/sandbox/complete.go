package sandbox

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// completeBody is the body of CompleteMultipartUpload.
type completeBody struct {
	XMLName xml.Name        `xml:"CompleteMultipartUpload"`
	Parts   []completedPart `xml:"Part"`
}

// completedPart is a part as the client names it.
type completedPart struct {
	Number    int    `xml:"PartNumber"`
	ETag      string `xml:"ETag"`
	CRC64NVME string `xml:"ChecksumCRC64NVME"`
	CRC32     string `xml:"ChecksumCRC32"`
	CRC32C    string `xml:"ChecksumCRC32C"`
	SHA1      string `xml:"ChecksumSHA1"`
	SHA256    string `xml:"ChecksumSHA256"`
}

func (p completedPart) sum(algorithm string) string {
	switch algorithm {
	case "CRC64NVME":
		return p.CRC64NVME
	case "CRC32":
		return p.CRC32
	case "CRC32C":
		return p.CRC32C
	case "SHA1":
		return p.SHA1
	}
	return p.SHA256
}

func (s *Server) completeMultipartUpload(q *request) error {
	var body completeBody
	if err := q.readXMLUnsummed(&body); err != nil {
		return err
	}
	if len(body.Parts) == 0 {
		return errMalformedXML()
	}
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	id := q.query.Get("uploadId")
	fingerprint := fmt.Sprint(body.Parts)
	u, err := b.upload(id, q.key)
	if err != nil {
		b.mu.RLock()
		done, ok := b.completed[id]
		b.mu.RUnlock()
		if !ok || done.key != q.key || done.parts != fingerprint {
			return err
		}
		q.answerComplete(b, done.version)
		return nil
	}
	v, err := q.complete(b, u, body.Parts, fingerprint)
	if err != nil {
		return err
	}
	q.answerComplete(b, v)
	s.notify(b.name, q.key, v, "ObjectCreated:CompleteMultipartUpload")
	return nil
}

// readXMLUnsummed reads a body whose request has checksum headers that are
// not of the body: those of CompleteMultipartUpload are of the object.
func (q *request) readXMLUnsummed(v any) error {
	h := q.r.Header.Clone()
	for _, a := range algorithms() {
		q.r.Header.Del(checksumHeader(a))
	}
	err := q.readXML(v)
	q.r.Header = h
	return err
}

// complete makes the object.
func (q *request) complete(b *bucket, u *upload, named []completedPart, fingerprint string) (*version, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return nil, errNoSuchUpload(u.id)
	}
	parts, err := u.pick(named, q.s.opt.MinPartSize)
	if err != nil {
		return nil, err
	}
	sum, err := u.checksumOf(parts)
	if err != nil {
		return nil, err
	}
	contents := make([]content, len(parts))
	for i, p := range parts {
		contents[i] = p.content
	}
	whole := join(contents)
	if err := q.expected(u, sum, whole.size()); err != nil {
		return nil, err
	}
	if b.disk != nil && !b.discard {
		if whole, err = stage(b.disk.tmp, whole); err != nil {
			return nil, err
		}
	}
	v := u.attr.version(whole)
	v.ETag, v.Modified, v.Checksum = etagOf(parts), u.started, sum
	if err := q.publish(b, v); err != nil {
		return nil, err
	}
	u.end(b)
	b.mu.Lock()
	b.completed[u.id] = completion{q.key, fingerprint, v}
	b.mu.Unlock()
	return v, nil
}

// pick finds the parts that the client names. The upload's lock is held.
func (u *upload) pick(named []completedPart, minSize int64) ([]*part, error) {
	if !slices.IsSortedFunc(named, func(a, b completedPart) int { return cmp.Or(cmp.Compare(a.Number, b.Number), -1) }) {
		return nil, fail("InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.",
			field{"UploadId", u.id})
	}
	parts := make([]*part, 0, len(named))
	for i, n := range named {
		p := u.parts[n.Number]
		if p == nil || strings.Trim(n.ETag, `"`) != p.etag || n.sum(u.algorithm) != "" && n.sum(u.algorithm) != p.sum {
			return nil, fail("InvalidPart", "One or more of the specified parts could not be found. The part may not have been uploaded,"+
				" or the specified entity tag may not match the part's entity tag.", field{"UploadId", u.id},
				field{"PartNumber", strconv.Itoa(n.Number)}, field{"ETag", n.ETag})
		}
		if u.kind == composite && n.sum(u.algorithm) == "" {
			return nil, fail("InvalidRequest", fmt.Sprintf("The upload was created using a %s checksum. The complete request must include the"+
				" checksum for each part. It was missing for part %d in the request.", strings.ToLower(u.algorithm), n.Number))
		}
		if size := p.content.size(); size < minSize && i < len(named)-1 {
			return nil, fail("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size",
				field{"ProposedSize", strconv.FormatInt(size, 10)}, field{"MinSizeAllowed", strconv.FormatInt(minSize, 10)},
				field{"PartNumber", strconv.Itoa(n.Number)}, field{"ETag", p.etag})
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// expected compares the object to be with what the request says of it.
func (q *request) expected(u *upload, sum checksum, size int64) error {
	h := q.r.Header
	if kind := h.Get("X-Amz-Checksum-Type"); kind != "" && kind != u.kind {
		return fail("InvalidRequest", fmt.Sprintf("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", u.kind))
	}
	if v := h.Get("X-Amz-Mp-Object-Size"); v != "" && v != strconv.FormatInt(size, 10) {
		return fail("InvalidRequest", fmt.Sprintf("The provided 'x-amz-mp-object-size' header value %s does not match what was computed: %d", v, size))
	}
	for _, a := range algorithms() {
		switch v := h.Get(checksumHeader(a)); {
		case v == "":
		case a != u.algorithm:
			return fail("InvalidRequest", fmt.Sprintf("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
				strings.ToLower(u.algorithm), strings.ToLower(a)))
		case u.kind == fullObject && v != sum.Value:
			return errBadDigest(a)
		case u.kind == composite && v != sum.Value && !strings.HasPrefix(sum.Value, v+"-"):
			return errBadDigest(a)
		}
	}
	return nil
}

func (q *request) answerComplete(b *bucket, v *version) {
	q.w.Header().Set("X-Amz-Server-Side-Encryption", v.encryption())
	if v.ID != "null" {
		q.w.Header().Set("X-Amz-Version-Id", v.ID)
	}
	d := newXML("CompleteMultipartUploadResult")
	d.text("Location", "http://"+q.r.Host+escapeURI("/"+b.name+"/"+q.key, true))
	d.text("Bucket", b.name)
	d.text("Key", q.key)
	d.etag(v.ETag)
	d.checksum(v.Checksum)
	q.writeXML(http.StatusOK, d)
}
