package fetch

import (
	"context"

	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// Peek learns an object's attributes by reading one byte of it. Unlike a HEAD
// this tells why an object is refused, that it must be restored first, and how
// many tags it has.
func Peek(ctx context.Context, r store.Reader, o object.Object, opt Options) (attr object.Attributes, err error) {
	w := worker{source: &source{r: r, limit: opt.Limiter, stats: opt.Stats}}
	defer w.end()
	var b [1]byte
	_, err = w.fill(ctx, part{object: o}, b[:], func(a object.Attributes) { attr = a })
	return attr, err
}
