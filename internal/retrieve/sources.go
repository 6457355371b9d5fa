package retrieve

import (
	"context"
	"errors"
	"iter"
	"strings"

	"s3bundler/internal/fault"
	"s3bundler/internal/layout"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// Sources yields the sources that places name, in S3's order: each an index,
// an archive, a copy or a copy's metadata, or, where the key is empty or has
// none of their endings, all of them below a prefix: also those of which only
// one half is there, an index without its archive, a copy without its metadata,
// or the reverse, which are errors to open. A place with nothing is an error.
func Sources(ctx context.Context, st Store, places []object.Location) iter.Seq2[Source, error] {
	return func(yield func(Source, error) bool) {
		for _, l := range places {
			for s, err := range at(ctx, st, l) {
				if !yield(s, err) || err != nil {
					return
				}
			}
		}
	}
}

// at yields the sources that one place names.
func at(ctx context.Context, st Store, l object.Location) iter.Seq2[Source, error] {
	return func(yield func(Source, error) bool) {
		if !isPrefix(l) {
			yield(single(ctx, st, l))
			return
		}
		found := false
		for s, err := range below(ctx, st, l) {
			found = true
			if !yield(s, err) || err != nil {
				return
			}
		}
		if !found {
			yield(Source{}, fault.New(fault.Download, "list archives below", l.String(), errNothing, "check bucket and prefix"))
		}
	}
}

// errNothing says that a prefix has no archives.
var errNothing = errors.New("there is no archive with an index")

// single is the source that one object belongs to.
func single(ctx context.Context, st store.Reader, l object.Location) (Source, error) {
	if isCopy(l.Key) {
		return copyAt(ctx, st, l)
	}
	if isIndex(l.Key) {
		return Source{Index: object.At(l)}, nil
	}
	s := Source{Data: []object.Object{object.At(l)}}
	beside := object.Location{Bucket: l.Bucket, Key: stemOf(l.Key) + indexEnding}
	there, err := exists(ctx, st, beside)
	if there {
		s.Index = object.At(beside)
	}
	return s, err
}

// copyAt is the copy of a big object that lies at l, or whose metadata do. The
// name does not tell: an object may have been called x.metadata itself.
func copyAt(ctx context.Context, st store.Reader, l object.Location) (Source, error) {
	if stem, ok := strings.CutSuffix(l.Key, metadataEnding); ok {
		of := object.Location{Bucket: l.Bucket, Key: stem}
		if there, err := exists(ctx, st, of); there || err != nil {
			return Source{Index: object.At(l), Data: []object.Object{object.At(of)}, Copy: true}, err
		}
	}
	return Source{Index: object.At(layout.BigObjectMetadata(l)), Data: []object.Object{object.At(l)}, Copy: true}, nil
}

func exists(ctx context.Context, st store.Reader, l object.Location) (bool, error) {
	_, err := st.Head(ctx, object.At(l))
	if fault.ReasonOf(err) == fault.NoSuchKey {
		return false, nil
	}
	return err == nil, fault.As(fault.Download, err)
}
