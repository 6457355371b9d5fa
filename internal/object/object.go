// Package object holds what the program says about one S3 object: where it
// is, what an inventory or manifest row claims, and what S3 answers about it.
package object

import (
	"strings"
	"time"
)

// Object is one row of an inventory or a manifest: an object as a list names
// it. What S3 says when asked is Attributes; the two may differ when the
// object was replaced or deleted after the list was taken.
type Object struct {
	Bucket string
	// Key is the decoded key, as S3 takes it in a request.
	Key string
	// EncodedKey is the key as it stands in the list. Indexes and dead-letter
	// lines carry it unchanged.
	EncodedKey string
	// Size is in bytes, as listed.
	Size int64
	// VersionID selects one version; empty means the current one.
	VersionID string
	// ETag is without its quotes. In a read it is a condition: the answer
	// must have this ETag (If-Match). Empty means any.
	ETag string
	// LastModified is in UTC; zero if the list does not tell.
	LastModified time.Time
	// StorageClass is as listed; empty if the list does not tell.
	StorageClass string
	// DeleteMarker and NonCurrent are told by inventories of all versions.
	DeleteMarker bool
	NonCurrent   bool
}

// Location returns where the object is, without its version.
func (o Object) Location() Location { return Location{o.Bucket, o.Key} }

// At returns an Object that names the current version at l.
func At(l Location) Object { return Object{Bucket: l.Bucket, Key: l.Key} }

// Attributes is what S3 answers about an object.
type Attributes struct {
	// Size is that of the whole object in bytes, also in a ranged answer.
	Size int64
	// ETag is without its quotes.
	ETag string
	// LastModified is in UTC and whole seconds.
	LastModified time.Time
	// VersionID is empty where the bucket is not versioned.
	VersionID string
	// StorageClass is empty for STANDARD, as S3 sends it.
	StorageClass string
	// Metadata is the user metadata, names in lower case and without
	// x-amz-meta-, sorted by name.
	Metadata []Pair
	// Headers are those S3 keeps with the object and a restore must give
	// back, by their canonical names, sorted: Cache-Control,
	// Content-Disposition, Content-Encoding, Content-Language, Content-Type,
	// Expires, X-Amz-Website-Redirect-Location.
	Headers []Pair
	// TagCount is the number of tags, as x-amz-tagging-count tells.
	TagCount int
	// Checksum is of the whole object; its zero value means none was given.
	Checksum Checksum
	// KeyEncrypted says that a KMS or customer key encrypts the object, so
	// that its ETag is not an MD5.
	KeyEncrypted bool
	// Archived says that the object must be restored before it can be read
	// (GLACIER, DEEP_ARCHIVE and no readable copy).
	Archived bool
	// Restore is the x-amz-restore header as S3 sends it, or empty.
	Restore string
}

// MD5 returns the MD5 in hex that the ETag holds. ok is false where it holds
// none: a multipart upload, or an object encrypted with a KMS or customer key.
// See "Checking object integrity" in the S3 User Guide.
func (a Attributes) MD5() (sum string, ok bool) {
	if a.KeyEncrypted || len(a.ETag) != 32 {
		return "", false
	}
	for _, c := range []byte(a.ETag) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", false
		}
	}
	return a.ETag, true
}

// Multipart reports whether the ETag is that of a multipart upload: it ends
// in a dash and the number of parts.
func (a Attributes) Multipart() bool { return strings.IndexByte(a.ETag, '-') >= 0 }

// Pair is one name with its value.
type Pair struct{ Name, Value string }

// Tag is one object tag.
type Tag struct{ Key, Value string }

// Checksum is a full-object checksum as S3 gives it.
type Checksum struct {
	// Algorithm is S3's name for it: CRC64NVME, CRC32, CRC32C, SHA1, SHA256.
	Algorithm string
	// Value is base64 of the big-endian sum.
	Value string
}
