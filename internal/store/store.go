// Package store lists the few S3 calls that the program makes, as interfaces
// in its own words. Package aws implements them; nothing else speaks to S3.
package store

import (
	"context"
	"io"
	"iter"

	"s3bundler/internal/object"
)

// Range is a run of bytes of an object. The zero value means all of it.
type Range struct {
	// Offset is the first byte.
	Offset int64
	// Length is the number of bytes; 0 means to the end. An answer may be
	// shorter where the object ends.
	Length int64
}

// Reader reads objects. Its methods may be called from many goroutines.
//
// Every error is a *fault.Error or wraps one. A reason in it says that it
// concerns this object alone; a context's end is returned as its cause.
type Reader interface {
	// Open asks for bytes of o. It makes one attempt: a failure that another
	// attempt may mend has reason Retry, and says whether the service
	// throttles. The condition of o.ETag, if set, failing has reason Changed;
	// an offset at or beyond the end is an error that wraps ErrRange.
	//
	// The body gives what the network gives: the caller checks length and
	// content, and closes it. Attributes are those of the whole object, but
	// Checksum may be missing from a ranged answer.
	Open(ctx context.Context, o object.Object, r Range) (io.ReadCloser, object.Attributes, error)
	// Tags gets the object's tags, sorted by key. It retries.
	Tags(ctx context.Context, o object.Object) ([]object.Tag, error)
	// Head asks for the attributes alone. It retries.
	Head(ctx context.Context, o object.Object) (object.Attributes, error)
}

// Lister lists keys.
type Lister interface {
	// List yields the objects whose keys start with prefix, in S3's order.
	// Each has Bucket, Key, EncodedKey, Size, ETag, LastModified and
	// StorageClass. The iteration ends with the first error.
	List(ctx context.Context, prefix object.Location) iter.Seq2[object.Object, error]
}

// Writer stores objects. Its methods may be called from many goroutines, and
// retry; the returned error says which operation on which location failed.
type Writer interface {
	// Put stores body with one PutObject, so that its event is
	// ObjectCreated:Put. S3 checks its checksum. At most 5 GiB.
	Put(ctx context.Context, l object.Location, body []byte, opt PutOptions) (Stored, error)
	// Upload stores what body yields, of any length, in one request where it
	// is short and by multipart upload where it is long. If it fails or ctx
	// ends, no multipart upload stays open.
	Upload(ctx context.Context, l object.Location, body io.Reader, opt PutOptions) (Stored, error)
	// Copy copies src to dst inside S3, with metadata, headers and tags, and
	// only if src still has src.ETag. Any size. If it fails or ctx ends, no
	// multipart upload stays open. attr must be src's own attributes.
	Copy(ctx context.Context, src object.Object, attr object.Attributes, tags []object.Tag, dst object.Location, opt PutOptions) (Stored, error)
	// Delete removes an object, or the version that o.VersionID names, if its
	// ETag is o.ETag (when set). That it is already gone is no error.
	Delete(ctx context.Context, o object.Object) error
}

// Multiparter gives the calls of a multipart upload one by one, to who must
// decide himself what a part holds. See "Uploading and copying objects using
// multipart upload" in the S3 User Guide.
type Multiparter interface {
	// CreateUpload starts a multipart upload with full-object CRC64NVME
	// checksums and returns its upload ID.
	CreateUpload(ctx context.Context, l object.Location, opt PutOptions) (uploadID string, err error)
	// UploadPart stores part number n, from 1, which must have the CRC64NVME
	// sum. Parts may be sent again under the same number; the last one counts.
	// body stays the caller's and must not change during the call.
	UploadPart(ctx context.Context, l object.Location, uploadID string, n int, body []byte, sum object.Checksum) (Part, error)
	// CompleteUpload makes the object of parts, in order of their numbers.
	// Parts that are not named are dropped. sum is the CRC64NVME of the whole.
	// Of opt it takes the conditions.
	CompleteUpload(ctx context.Context, l object.Location, uploadID string, parts []Part, sum object.Checksum, opt PutOptions) (Stored, error)
	// AbortUpload ends the upload and frees its parts. It works also under a
	// context that has ended, for a bounded time; a short one if ErrNoTime is
	// the cause.
	AbortUpload(ctx context.Context, l object.Location, uploadID string) error
}

// Store is all of S3 that the program uses.
type Store interface {
	Reader
	Lister
	Writer
	Multiparter
}

// PutOptions are what an object is stored with. The zero value is ordinary.
type PutOptions struct {
	Metadata     []object.Pair
	Headers      []object.Pair // by canonical name, as in object.Attributes
	Tags         []object.Tag
	StorageClass string
	// IfAbsent refuses to replace an object that is there (If-None-Match: *),
	// IfMatch one whose ETag is another than this. A write that is refused
	// wraps ErrExists.
	IfAbsent bool
	IfMatch  string
}

// Stored is what S3 says of an object it has stored.
type Stored struct {
	ETag      string // without quotes
	VersionID string
	Size      int64           // bytes sent
	Checksum  object.Checksum // of the whole object; zero if S3 gave none
}

// Part is one part of a multipart upload, as CompleteUpload needs it.
type Part struct {
	Number   int
	ETag     string // as S3 gave it
	Checksum object.Checksum
}
