package fetch

import (
	"context"
	"io"

	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// ReadRange fills buf with the bytes of o from offset on, fewer where the
// object ends, and returns how many. A body that breaks is gone on with, and
// all requests ask for o.ETag, where it is set, or for that of the first
// answer. The content of a range cannot be checked here. buf must not be empty.
func ReadRange(ctx context.Context, r store.Reader, o object.Object, offset int64, buf []byte, opt Options) (int, error) {
	w := worker{source: &source{r: r, limit: opt.Limiter, stats: opt.Stats}}
	defer w.end()
	return w.fill(ctx, part{object: o, offset: offset}, buf, func(object.Attributes) {})
}

// StreamRange is Stream for a range of an object, pinned to o.ETag where it is
// set. S3 has no checksum of a range, so the content is the caller's to check.
// The range must not be empty, nor begin at the object's end or beyond.
func StreamRange(ctx context.Context, r store.Reader, o object.Object, rg store.Range) (io.ReadCloser, object.Attributes, error) {
	s := &stream{ctx: ctx, r: r, o: o, attempt: 1, offset: rg.Offset, ranged: true}
	if rg.Length > 0 {
		s.end = rg.Offset + rg.Length
	}
	if err := s.start(); err != nil {
		return nil, object.Attributes{}, err
	}
	return s, s.attr, nil
}
