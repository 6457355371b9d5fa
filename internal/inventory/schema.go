package inventory

import (
	"fmt"
	"slices"
	"strings"
)

// Schema says what the columns of the data files hold.
type Schema struct {
	names []string
	// Positions of the columns; -1 where the inventory has none.
	bucket, key, size             int
	versionID, isLatest, isMarker int
	modified, etag, class         int
}

// ParseSchema reads a report's fileSchema, "Bucket, Key, Size, …". Bucket, Key
// and Size must be there; columns it does not know are passed over.
func ParseSchema(text string) (Schema, error) {
	s := Schema{names: strings.Split(text, ",")}
	for i, name := range s.names {
		s.names[i] = strings.TrimSpace(name)
	}
	for name, at := range map[string]*int{
		"Bucket": &s.bucket, "Key": &s.key, "Size": &s.size,
		"VersionId": &s.versionID, "IsLatest": &s.isLatest, "IsDeleteMarker": &s.isMarker,
		"LastModifiedDate": &s.modified, "ETag": &s.etag, "StorageClass": &s.class,
	} {
		*at = slices.Index(s.names, name)
		if *at >= 0 && slices.Contains(s.names[*at+1:], name) {
			return Schema{}, fmt.Errorf("its schema %q has two columns %s", text, name)
		}
	}
	for _, name := range []string{"Bucket", "Key", "Size"} {
		if !s.Has(name) {
			return Schema{}, fmt.Errorf("its schema %q has no column %s", text, name)
		}
	}
	return s, nil
}

// Has reports whether the inventory has the column, by S3's name.
func (s Schema) Has(name string) bool { return slices.Contains(s.names, name) }

// String gives the column names as a report has them.
func (s Schema) String() string { return strings.Join(s.names, ", ") }
