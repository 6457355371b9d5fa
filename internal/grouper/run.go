package grouper

import (
	"context"
	"log/slog"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/inventory"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// tellEvery is after how many rows a run looks at its context and tells of its
// progress.
const tellEvery = 8192

// maxHeld bounds the manifests, in bytes, that wait for the end of the data
// file they were made from. If they have more than half of it, they are kept
// compressed.
const maxHeld = 56 << 20

// run is one run of the grouper. It belongs to one goroutine.
type run struct {
	store    store.Store
	log      *slog.Logger
	opt      Options
	maxHeld  int
	report   inventory.Report
	output   manifest.Output
	filter   filter
	grouping grouping
	uploads  *uploads
	batches  int   // handed to uploads
	through  int64 // bytes of the data files that have ended
	stats    Stats
}

// Run writes the manifests of the inventory at report, whose manifest.json it
// is. The same inventory and options give the same manifests on every run;
// those that are there already are left as they are.
//
// A row gets into a manifest only after its data file was read to the end and
// found right. When Run fails, the manifests of earlier data files may be
// stored, each of them whole, and nothing of a file that is damaged. Errors
// have a kind.
func Run(ctx context.Context, st store.Store, report object.Location, opt Options, log *slog.Logger) (Stats, error) {
	r := &run{store: st, log: log, opt: opt, maxHeld: maxHeld}
	return r.do(ctx, report)
}

func (r *run) do(ctx context.Context, at object.Location) (Stats, error) {
	if err := r.opt.Check(); err != nil {
		return Stats{}, fault.As(fault.Usage, err)
	}
	if err := r.readReport(ctx, at); err != nil {
		return Stats{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.prepare(cancel)
	err := r.group(ctx)
	failed := err != nil && ctx.Err() == nil
	// Uploads under way are not cut short by a data file that has failed: of
	// one that is, nobody could tell whether it is stored.
	r.uploads.wait()
	if err == nil && ctx.Err() == nil {
		err = r.leftovers(ctx)
	}
	if ctx.Err() != nil && !failed {
		err = context.Cause(ctx) // an upload's failure, or the caller's end
	}
	r.stats.Written, r.stats.Existing, r.stats.Unsure = r.uploads.written.Load(), r.uploads.existing.Load(), r.uploads.unsure.Load()
	return r.stats, err
}

// prepare makes what the report and the options ask for.
func (r *run) prepare(cancel context.CancelCauseFunc) {
	r.stats.Size = r.report.Size()
	r.output = manifest.Output{
		Prefix: r.opt.Prefix, Report: r.report.Location.Key, Suffix: r.opt.Suffix, Glacier: r.opt.Glacier,
	}
	r.filter = filter{include: []byte(r.opt.Include), glacier: r.opt.Glacier, stats: &r.stats}
	r.uploads = newUploads(r.store, r.opt, r.log, cancel)
	r.grouping = grouping{
		maxBytes: int64(r.opt.MaxBytes), maxRows: r.opt.MaxRows, columns: r.opt.Fields.Columns(),
		buffer: r.uploads.buffer, drop: r.uploads.drop, packFrom: r.maxHeld / 2,
	}
}

// group starts the upload of every batch.
func (r *run) group(ctx context.Context) error {
	if err := r.files(ctx); err != nil {
		return err
	}
	r.grouping.cut()
	r.tell()
	return r.upload(ctx)
}

func (r *run) readReport(ctx context.Context, at object.Location) error {
	body, _, err := fetch.Stream(ctx, r.store, object.At(at))
	if err != nil {
		return fault.As(fault.Download, err)
	}
	defer body.Close()
	if r.report, err = inventory.ReadReport(body, at); err != nil {
		return fault.As(fault.Download, err)
	}
	return r.opt.checkReport(r.report)
}

// tell reports progress.
func (r *run) tell() {
	if r.opt.Progress != nil {
		s := r.stats
		s.Written, s.Existing = r.uploads.written.Load(), r.uploads.existing.Load()
		r.opt.Progress(s)
	}
}
