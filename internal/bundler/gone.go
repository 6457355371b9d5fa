package bundler

import (
	"context"
	"errors"
	"hash/maphash"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// gone are the objects of a manifest that are not in their buckets any more. It
// keeps a hash of each. The zero value keeps none.
type gone struct {
	seed maphash.Seed
	seen map[uint64]struct{}
}

func newGone() gone { return gone{maphash.MakeSeed(), map[uint64]struct{}{}} }

func (g *gone) hash(bucket, key string) uint64 {
	return maphash.Comparable(g.seed, [2]string{bucket, key})
}

func (g *gone) add(bucket, key string) {
	if g.seen != nil {
		g.seen[g.hash(bucket, key)] = struct{}{}
	}
}

func (g *gone) has(bucket, key string) bool {
	_, ok := g.seen[g.hash(bucket, key)]
	return ok
}

// keepGone fails if the archive that is about to be replaced has objects that
// are gone: they may be nowhere else.
func (w *bundle) keepGone(ctx context.Context) error {
	if len(w.gone.seen) == 0 {
		return nil
	}
	body, attr, err := fetch.Stream(ctx, w.st, object.At(w.result.Index))
	if fault.ReasonOf(err) == fault.NoSuchKey {
		return errSuperseded
	}
	if err != nil {
		return fault.As(fault.Download, err)
	}
	defer body.Close()
	if attr.ETag != w.before.indexETag {
		return errSuperseded
	}
	for row, err := range index.Read(body) {
		switch {
		case errors.Is(err, index.ErrRow):
		case err != nil:
			return fault.As(fault.Download, err)
		case w.gone.has(row.Bucket, row.Key):
			return kept(w.result.Index, "it has "+row.Bucket+"/"+row.Key+", which is gone from its bucket")
		}
	}
	return nil
}
