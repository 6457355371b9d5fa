package object

import (
	"fmt"
	"strings"
)

// Location is a place in S3: a bucket with a key, or with a prefix of keys.
type Location struct{ Bucket, Key string }

// String returns s3://bucket/key, the key as it is: nothing is encoded, so
// ParseURI gives the same Location back.
func (l Location) String() string { return "s3://" + l.Bucket + "/" + l.Key }

// ParseURI reads s3://bucket/key. All that follows the bucket's slash is the
// key, with any '?', '#', '%' or '/' in it. The key may be empty, for a
// prefix that means the whole bucket.
func ParseURI(uri string) (Location, error) {
	rest, ok := strings.CutPrefix(uri, "s3://")
	if !ok {
		return Location{}, fmt.Errorf("%q is no S3 URI: write s3://bucket/key", uri)
	}
	bucket, key, _ := strings.Cut(rest, "/")
	if bucket == "" {
		return Location{}, fmt.Errorf("%q names no bucket: write s3://bucket/key", uri)
	}
	return Location{Bucket: bucket, Key: key}, nil
}

// ParseObjectURI is ParseURI for a place that must be an object: a URI
// without a key is refused.
func ParseObjectURI(uri string) (Location, error) {
	l, err := ParseURI(uri)
	if err == nil && l.Key == "" {
		err = fmt.Errorf("%q names no key: write s3://bucket/key", uri)
	}
	return l, err
}
