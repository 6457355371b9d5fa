package sandbox

import (
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
