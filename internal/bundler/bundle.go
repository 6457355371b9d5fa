package bundler

import (
	"context"
	"errors"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"s3bundler/internal/archive"
	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
	"s3bundler/internal/upload"
)

// bundle is one manifest on its way. Its fields belong to the goroutine of
// Bundle, but for copies.
type bundle struct {
	*Bundler
	manifest object.Location
	etag     string // of the manifest
	source   string // bucket of the manifest's first row
	result   Result
	before   published // what an earlier run left

	up      *upload.Writer
	tar     *archive.Writer
	index   record
	pending []index.Row // members whose place is not known yet
	failed  error       // of a line that placed could not add
	letters record
	copies  copies
	gone    gone
}

// Bundle does the work for the manifest at m. That it was done before, for
// this content of the manifest, is no error. After an error no index was
// written, no multipart upload is open, and the manifest can be tried again.
func (b *Bundler) Bundle(ctx context.Context, m object.Location) (Result, error) {
	started := time.Now()
	for attempt := 1; ; attempt++ {
		w := &bundle{Bundler: b, manifest: m}
		w.result = Result{Manifest: m, DeadLetters: map[fault.Reason]int64{}}
		err := w.run(ctx)
		if errors.Is(err, errSuperseded) && attempt < 3 && ctx.Err() == nil {
			b.log.Info("another worker stored this archive meanwhile; looking again", "manifest", m)
			continue
		}
		if w.result.Done && attempt > 1 {
			// What was begun has its end in the log, whoever brought it about.
			b.log.Log(ctx, LevelNotice, "successfully archived "+m.String(), "by", "another worker")
		}
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		w.result.Elapsed = time.Since(started)
		return w.result, err
	}
}

func (w *bundle) run(ctx context.Context) error {
	m, err := w.open(ctx)
	if err != nil {
		return err
	}
	defer func() { m.close() }()
	rows, err := w.findSource(m)
	if err != nil {
		return err
	}
	w.result.Archive = w.opt.Archive.Archive(w.source, w.name(), w.opt.Compress)
	w.result.Index = w.opt.Archive.Index(w.source, w.name())
	if w.before, err = w.look(ctx); err != nil {
		return err
	}
	if w.before.done {
		w.result.Done = true
		return nil
	}
	w.log.Log(ctx, LevelNotice, "begin processing "+w.manifest.String())
	if rows == nil {
		m.close()
		if m, err = w.open(ctx); err != nil {
			return err
		}
		rows = m.rest
	}
	if err := w.make(ctx, rows); err != nil {
		return err
	}
	w.log.Log(ctx, LevelNotice, "successfully archived "+w.manifest.String(), "archive", w.result.Archive.String(),
		"objects", w.result.Objects, "bytes", w.result.Bytes, "copied", w.result.Copied, "deadletters", w.result.Letters())
	return nil
}

// name is what the results are named after.
func (w *bundle) name() string { return manifest.Name(w.manifest.Key) }

// make writes archive, index and dead letters.
func (w *bundle) make(ctx context.Context, rows iter.Seq2[object.Object, error]) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w.up = upload.New(ctx, w.st, w.result.Archive, upload.Options{
		PartSize: w.part, Parallel: w.ahead,
		Put: store.PutOptions{
			Headers: []object.Pair{{Name: "Content-Type", Value: contentType(w.opt.Compress)}},
			IfMatch: w.before.archiveETag, IfAbsent: w.before.archiveETag == "",
		},
	})
	if w.before.paired {
		w.gone = newGone()
	}
	w.index, w.letters = w.record(ctx, w.result.Index), w.record(ctx, layout.DeadLetters(w.manifest))
	defer w.abortRecords()
	w.tar = archive.NewWriter(w.up, archive.Options{Compress: w.opt.Compress, Placed: w.placed})

	var copying errgroup.Group
	w.copies.start(ctx, w, &copying, cancel)
	err := w.members(ctx, w.withoutBig(rows))
	if err != nil {
		cancel(err) // ends the copies
	}
	w.copies.close()
	err = errors.Join(err, copying.Wait())
	if err == nil {
		err = w.addCopies()
	}
	if err == nil {
		err = errors.Join(w.tar.Close(), w.failed)
	}
	if err == nil {
		err = w.keepGone(ctx)
	}
	if err != nil {
		w.tar.Abandon()
		if abortErr := w.up.Abort(); abortErr != nil {
			w.log.Error("the upload of an archive stays open", "err", abortErr)
		}
		return firstCause(ctx, err)
	}
	return w.publish(ctx)
}

// record begins the index that is to lie at a location.
func (w *bundle) record(ctx context.Context, at object.Location) record {
	return record{
		ctx: ctx, st: w.st, at: at, limit: w.records, out: &w.outbox,
		first: store.PutOptions{Headers: recordHeaders, Metadata: w.recordMetadata()},
	}
}

// abortRecords ends what of index and dead letters was sent and not stored.
func (w *bundle) abortRecords() {
	for _, r := range []*record{&w.index, &w.letters} {
		if err := r.abort(); err != nil {
			w.log.Error(err.Error())
		}
	}
}

// firstCause is why ctx was cancelled, if it was, for what follows from that
// tells a person less.
func firstCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func contentType(compressed bool) string {
	if compressed {
		return "application/gzip"
	}
	return "application/x-tar"
}
