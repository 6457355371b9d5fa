package grouper

import (
	"context"
	"errors"
	"fmt"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// leftovers deals with the manifests of an earlier run that had more of them:
// their rows are in this run's manifests too, and would be archived twice.
// With Overwrite they are deleted, once all that takes their place is stored;
// otherwise they are an error. A run without a manifest doubles nothing.
func (r *run) leftovers(ctx context.Context) error {
	if r.batches == 0 {
		return nil
	}
	stem := object.Location{Bucket: r.opt.Bucket, Key: r.output.Stem()}
	for o, err := range r.store.List(ctx, stem) {
		switch {
		case errors.Is(err, store.ErrDenied) && !r.opt.Overwrite:
			// Whoever may not list has not replaced anything.
			r.log.Info("not looked for manifests of an earlier run: " + err.Error())
			return nil
		case err != nil:
			return &fault.Error{Kind: fault.Upload, Op: "look for manifests of an earlier run", Err: err}
		}
		if n, ok := r.output.Number(o.Key); ok && n >= r.batches {
			if err := r.leftover(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) leftover(ctx context.Context, o object.Object) error {
	has := fmt.Sprintf("this run has %d manifest", r.batches)
	if r.batches != 1 {
		has += "s"
	}
	if !r.opt.Overwrite {
		return fault.New(fault.Upload, "store manifests", o.Location().String(),
			errors.New(has+", and an earlier one has left this behind them"),
			"give another --key, or --overwrite to delete it")
	}
	attr, err := r.store.Head(ctx, object.At(o.Location()))
	switch {
	case fault.ReasonOf(err) == fault.NoSuchKey:
		return nil
	case err != nil:
		return &fault.Error{Kind: fault.Upload, Err: err}
	case metadata(attr, digestName) == "":
		return fault.New(fault.Upload, "store manifests", o.Location().String(),
			errors.New(has+", and this, which s3grouper has not written, is behind them"),
			"delete it, or give another --key")
	}
	if err := r.store.Delete(ctx, object.Object{Bucket: o.Bucket, Key: o.Key, ETag: attr.ETag}); err != nil {
		return &fault.Error{Kind: fault.Upload, Op: "delete a manifest of an earlier run", Err: err}
	}
	r.stats.Removed++
	r.log.Info("deleted " + o.Location().String() + ", of an earlier run")
	return nil
}
