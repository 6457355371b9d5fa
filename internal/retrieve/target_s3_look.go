package retrieve

import (
	"context"
	"io"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// look asks for the attributes of what is there, and reads it only where they
// have no checksum of the row's kinds.
func (b *bucketTarget) look(ctx context.Context, w *wanted, _ *RestoreOptions) (presence, error) {
	attr, err := b.st.Head(ctx, object.At(w.to))
	found := nothing
	if err == nil {
		found = compare(&w.row, attr, w.archive)
		if found == undecided && newChecker(&w.row).checks() {
			found, attr, err = b.sum(ctx, w, attr)
		}
	}
	if fault.ReasonOf(err) == fault.NoSuchKey {
		return nothing, nil
	}
	if err != nil {
		return nothing, targetError(err)
	}
	return found, nil
}

// targetError marks the error of a read of the target: nothing can be stored.
func targetError(err error) error {
	if err == nil || fault.ReasonOf(err) != "" {
		return err
	}
	return &fault.Error{Kind: fault.Upload, Op: "look at the target", Err: err}
}

// compare holds what S3 says of an object's content against the row, and
// against what S3 says of the copy that a big object would be restored from.
func compare(row *index.Row, attr object.Attributes, from *Archive) presence {
	sum, ok := attr.MD5()
	is := func(equal bool) presence {
		if equal {
			return same
		}
		return another
	}
	switch {
	case attr.Size != row.Size:
		return another
	case attr.Size == 0, row.Checksum != "" && attr.ETag == row.Checksum:
		return same
	case attr.Checksum.Algorithm == "CRC64NVME" && row.CRC64NVME != "":
		return is(attr.Checksum.Value == row.CRC64NVME)
	case ok && isMD5(row.Checksum):
		return is(sum == row.Checksum)
	case from == nil || !from.Copy || newChecker(row).checks():
		return undecided
	case attr.ETag == from.Attr.ETag:
		return same
	case attr.Checksum.Algorithm != "" && attr.Checksum.Algorithm == from.Attr.Checksum.Algorithm:
		return is(attr.Checksum == from.Attr.Checksum)
	}
	return undecided
}

// sum reads what is there. What cannot be read without having S3 restore it
// first is not known to be the same.
func (b *bucketTarget) sum(ctx context.Context, w *wanted, attr object.Attributes) (presence, object.Attributes, error) {
	if attr.Archived {
		return another, attr, nil
	}
	r, attr, err := fetch.Stream(ctx, b.st, object.At(w.to))
	if err != nil {
		return nothing, attr, err
	}
	defer r.Close()
	sum := newChecker(&w.row)
	if _, err := io.Copy(sum, r); err != nil {
		return nothing, attr, err
	}
	if sum.check(w.to) != nil {
		return another, attr, nil
	}
	return same, attr, nil
}
