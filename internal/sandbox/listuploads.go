package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) listParts(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	u, err := b.upload(q.query.Get("uploadId"), q.key)
	if err != nil {
		return err
	}
	l, err := q.listing("max-parts")
	if err != nil {
		return err
	}
	marker := 0
	if v := q.query.Get("part-number-marker"); v != "" {
		if marker, err = strconv.Atoi(v); err != nil || marker < 0 {
			return errArgument("Provided part-number-marker not an integer or within integer range", "part-number-marker", v)
		}
	}
	u.mu.Lock()
	parts := u.sorted()
	u.mu.Unlock()
	parts = parts[slices.IndexFunc(append(parts[:len(parts):len(parts)], &part{number: 1 << 30}), func(p *part) bool { return p.number > marker }):]
	more := len(parts) > l.max
	if more {
		parts = parts[:l.max]
	}
	d := newXML("ListPartsResult")
	d.text("Bucket", b.name)
	d.text("Key", l.name(q.key))
	d.text("UploadId", u.id)
	d.number("PartNumberMarker", int64(marker))
	if more && len(parts) > 0 {
		d.number("NextPartNumberMarker", int64(parts[len(parts)-1].number))
	}
	d.number("MaxParts", int64(l.max))
	d.boolean("IsTruncated", more)
	d.text("ChecksumAlgorithm", u.algorithm)
	d.text("ChecksumType", u.kind)
	d.storageClass(&version{Class: u.attr.class})
	for _, p := range parts {
		d.begin("Part")
		d.number("PartNumber", int64(p.number))
		d.time("LastModified", p.modified)
		d.etag(p.etag)
		d.number("Size", p.content.size())
		d.text("Checksum"+u.algorithm, p.sum)
		d.end()
	}
	q.writeXML(http.StatusOK, d)
	return nil
}

func (s *Server) listMultipartUploads(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	l, err := q.listing("max-uploads")
	if err != nil {
		return err
	}
	if l.delimiter != "" {
		return fail("NotImplemented", "A header or query you provided implies functionality that is not implemented")
	}
	keyMarker, idMarker := q.query.Get("key-marker"), q.query.Get("upload-id-marker")
	b.mu.RLock()
	var uploads []*upload
	for _, u := range b.uploads {
		if strings.HasPrefix(u.key, l.prefix) && (u.key > keyMarker || u.key == keyMarker && idMarker != "" && u.id > idMarker) {
			uploads = append(uploads, u)
		}
	}
	b.mu.RUnlock()
	slices.SortFunc(uploads, func(a, b *upload) int {
		return strings.Compare(a.key+"\x00"+a.id, b.key+"\x00"+b.id)
	})
	more := len(uploads) > l.max
	if more {
		uploads = uploads[:l.max]
	}
	d := newXML("ListMultipartUploadsResult")
	d.text("Bucket", b.name)
	d.text("KeyMarker", l.name(keyMarker))
	d.text("UploadIdMarker", idMarker)
	if more && len(uploads) > 0 {
		last := uploads[len(uploads)-1]
		d.text("NextKeyMarker", l.name(last.key))
		d.text("NextUploadIdMarker", last.id)
	}
	d.text("Prefix", l.name(l.prefix))
	d.number("MaxUploads", int64(l.max))
	if l.encode {
		d.text("EncodingType", "url")
	}
	d.boolean("IsTruncated", more)
	for _, u := range uploads {
		d.begin("Upload")
		d.text("Key", l.name(u.key))
		d.text("UploadId", u.id)
		d.owner()
		d.storageClass(&version{Class: u.attr.class})
		d.time("Initiated", u.started)
		d.end()
	}
	q.writeXML(http.StatusOK, d)
	return nil
}
