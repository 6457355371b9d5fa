package retrieve

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// look asks for the attributes of what is there, and reads it only where they
// have no checksum of the row's kinds.
func (b *bucketTarget) look(ctx context.Context, w *wanted, opt *RestoreOptions) (presence, error) {
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
	if found != same {
		return found, nil
	}
	if alike(&w.row, attr) {
		if opt.Existing != Overwrite {
			return same, nil
		}
		if ok, err := b.tagged(ctx, w, attr); ok || err != nil {
			return same, targetError(err)
		}
	}
	return unlike, nil
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

// alike reports whether an object has the user metadata and the headers that
// the row would give it, as far as the row tells: an archive without an index
// knows of neither, and the original's indexes of no headers. What class an
// object lies in makes it no other.
func alike(row *index.Row, attr object.Attributes) bool {
	headers := slices.DeleteFunc(slices.Clone(row.Headers), func(p object.Pair) bool { return p.Name == index.StorageClassHeader })
	return (row.Checksum == "" || sameHeaders(row.Metadata, attr.Metadata)) && (len(headers) == 0 || sameHeaders(headers, attr.Headers))
}

// sameHeaders compares headers as HTTP carries them: in any order, their names in
// any case, without blanks around a value.
func sameHeaders(a, b []object.Pair) bool {
	return slices.Equal(carried(a), carried(b))
}

func carried(pairs []object.Pair) []object.Pair {
	out := make([]object.Pair, 0, len(pairs))
	for _, p := range pairs {
		out = append(out, object.Pair{Name: strings.ToLower(p.Name), Value: strings.Trim(p.Value, " \t")})
	}
	slices.SortFunc(out, func(a, b object.Pair) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// tagged reports whether an object has the row's tags. It asks only where there
// are some. Tags that may not be read are not known to be those.
func (b *bucketTarget) tagged(ctx context.Context, w *wanted, attr object.Attributes) (bool, error) {
	if w.row.Checksum == "" || len(w.row.Tags) == 0 && attr.TagCount == 0 {
		return true, nil
	}
	tags, err := b.st.Tags(ctx, object.At(w.to))
	if fault.ReasonOf(err) == fault.AccessDenied {
		return false, nil
	}
	byKey := func(a, b object.Tag) int { return cmp.Compare(a.Key, b.Key) }
	return slices.Equal(slices.SortedFunc(slices.Values(tags), byKey), slices.SortedFunc(slices.Values(w.row.Tags), byKey)), err
}
