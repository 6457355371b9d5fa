package bundler

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// Manifests yields the manifests that places name: each an object, or, where
// the key is empty or ends in a slash, every ".index" below it. Indexes of
// archives are no manifests and are passed over.
func (b *Bundler) Manifests(ctx context.Context, places []object.Location) iter.Seq2[object.Location, error] {
	return func(yield func(object.Location, error) bool) {
		for _, l := range places {
			if l.Key != "" && !strings.HasSuffix(l.Key, "/") {
				if !yield(l, nil) {
					return
				}
				continue
			}
			for m, err := range b.below(ctx, l, b.st) {
				if !yield(m, err) {
					return
				}
			}
		}
	}
}

func (b *Bundler) below(ctx context.Context, prefix object.Location, st store.Lister) iter.Seq2[object.Location, error] {
	return func(yield func(object.Location, error) bool) {
		found := false
		for o, err := range st.List(ctx, prefix) {
			if err != nil {
				yield(object.Location{}, fault.As(fault.Download, err))
				return
			}
			if !strings.HasSuffix(o.Key, ".index") || b.opt.Archive.Holds(o.Location()) {
				continue
			}
			found = true
			if !yield(o.Location(), nil) {
				return
			}
		}
		if !found {
			yield(object.Location{}, fault.New(fault.Download, "list manifests below", prefix.String(), nil,
				"there is no .index: check bucket and prefix, or run s3grouper first"))
		}
	}
}

// aloneError keeps one manifest from being archived, and no other.
type aloneError struct{ error }

func (e aloneError) Unwrap() error { return e.error }

// alone reports whether another manifest may be stored in spite of err.
func alone(err error) bool {
	var e aloneError
	return errors.As(err, &e) || errors.Is(err, errSuperseded) || fault.Transient(err)
}

// All bundles each of manifests, Options.Workers at a time, and tells each
// what became of it, one call after the other. A manifest that fails does not
// keep the others from being done, unless nothing can be stored at all. The
// error is the first one.
func (b *Bundler) All(ctx context.Context, manifests iter.Seq2[object.Location, error], each func(Result, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	todo := make(chan object.Location)
	var workers sync.WaitGroup
	var mu sync.Mutex
	var first error
	failed := func(err error) {
		if first == nil {
			first = err
		}
	}
	for range b.opt.Workers {
		workers.Go(func() {
			for m := range todo {
				r, err := b.Bundle(ctx, m)
				mu.Lock()
				if err == nil || ctx.Err() == nil {
					each(r, err)
				}
				if err != nil {
					failed(err)
					if fault.KindOf(err) == fault.Upload && !alone(err) {
						cancel(err)
					}
				}
				mu.Unlock()
			}
		})
	}
	for m, err := range manifests {
		if err != nil {
			mu.Lock()
			failed(err)
			mu.Unlock()
			break
		}
		select {
		case todo <- m:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(todo)
	workers.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return first
}
