package retrieve

import (
	"context"
	"io"

	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// The reasons for which an object is not restored, besides those for which one
// is not archived.
const (
	// Exists: another object is where it would go.
	Exists fault.Reason = "Exists"
	// BadName: it cannot be called so where it would go.
	BadName fault.Reason = "BadName"
	// Duplicate: an object restored before, in the same run, goes there.
	Duplicate fault.Reason = "Duplicate"
)

// presence is what is found where an object would go.
type presence int

const (
	nothing presence = iota
	same             // the object, restored before
	another
	// unlike is the object's content with other metadata, headers or tags.
	unlike
	// undecided is an object of the same size, where the row has no checksum:
	// only the content in the archive tells whether it is the same.
	undecided
)

// Target is where objects are restored to: a bucket or a folder. Its methods
// may be called from many goroutines, but for place, which has one caller.
//
// An error with a reason concerns one object, any other ends the run.
type Target interface {
	// place chooses where the object goes whose key, as far as the target is
	// concerned, is key. Two objects never get the same place.
	place(row *index.Row, key string) (object.Location, error)
	// fresh reports whether nothing at all can be there yet.
	fresh(ctx context.Context) (bool, error)
	// look finds what is where an object goes. What counts as the same depends
	// on what opt says of existing objects and of checksums.
	look(ctx context.Context, w *wanted, opt *RestoreOptions) (presence, error)
	// put stores content. Unless over is set, it refuses to replace what is
	// there, with reason Exists.
	put(ctx context.Context, to object.Location, row *index.Row, content []byte, over bool) error
	// stream stores what r yields; an error of r stores nothing.
	stream(ctx context.Context, to object.Location, row *index.Row, r io.Reader, over bool) error
	// copies reports whether copy does it; otherwise the content is streamed.
	copies() bool
	// copy stores the object that lies in S3.
	copy(ctx context.Context, to object.Location, row *index.Row, from Archive, over bool) error
	// name is how the place is called in messages.
	name(to object.Location) string
}

// refuse makes the error of one object that would go to where.
func refuse(reason fault.Reason, where string, err error) error {
	return &fault.Error{Reason: reason, Op: "write", Where: where, Err: err}
}
