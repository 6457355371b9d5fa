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

// run is one run of the grouper.
type run struct {
	store  store.Store
	log    *slog.Logger
	opt    Options
	held   int64 // bytes of data files to keep in memory
	report inventory.Report
	filter filter
	stats  Stats
	up     *uploads
	warned bool
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
	r := &run{store: st, log: log, opt: opt, held: heldBytes}
	return r.do(ctx, report)
}

func (r *run) do(ctx context.Context, at object.Location) (Stats, error) {
	if err := r.opt.Check(); err != nil {
		return Stats{}, fault.As(fault.Usage, err)
	}
	if err := r.readReport(ctx, at); err != nil {
		return Stats{}, err
	}
	r.stats.Size = r.report.Size()
	r.filter = filter{include: []byte(r.opt.Include), glacier: r.opt.Glacier, stats: &r.stats}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.up = newUploads(r.store, r.opt, r.log, cancel)
	err := r.group(ctx)
	if err != nil {
		cancel(err)
	}
	r.up.wait()
	if ctx.Err() != nil {
		err = context.Cause(ctx) // an upload's failure, or the caller's end
	}
	r.stats.Written, r.stats.Existing = r.up.written.Load(), r.up.existing.Load()
	return r.stats, err
}

// group starts the upload of every batch.
func (r *run) group(ctx context.Context) error {
	g := grouping{
		maxBytes: int64(r.opt.MaxBytes), maxRows: r.opt.MaxRows,
		columns: r.opt.Fields.Columns(), buffer: r.up.buffer,
	}
	out := r.opt.output(r.report.Location)
	n := 0
	for b, err := range g.batches(r.rows(ctx)) {
		if err != nil {
			return err
		}
		at := object.Location{Bucket: r.opt.Bucket, Key: out.Key(n)}
		if err := r.up.start(ctx, at, b.text); err != nil {
			return err
		}
		n++
	}
	r.tell()
	return nil
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

// tell reports progress, and once what a person should know of it.
func (r *run) tell() {
	if r.stats.NonCurrent > 0 && !r.warned && !r.opt.Fields.Has(manifest.VersionID) {
		r.warned = true
		r.log.Error("inventory " + r.report.Location.String() + " lists versions that are not current, and the manifests" +
			" do not name versions: s3bundler would archive the current one in their place;" +
			" give --fieldnames Bucket,Key,Size,VersionId here and to s3bundler")
	}
	if r.opt.Progress != nil {
		s := r.stats
		s.Written, s.Existing = r.up.written.Load(), r.up.existing.Load()
		r.opt.Progress(s)
	}
}
