package retrieve

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// Existing is what becomes of an object whose place is not free.
type Existing string

// The ways to treat what is there. An object that was restored before counts
// as done with the first two: the same command run again goes on where it
// stopped.
const (
	// Skip leaves what is there; another object than the one to restore is a
	// dead letter.
	Skip Existing = "skip"
	// Overwrite replaces another object.
	Overwrite Existing = "overwrite"
	// Refuse makes a dead letter of whatever there is something for.
	Refuse Existing = "refuse"
)

// The defaults of RestoreOptions.
const (
	DefaultMemory   = 128 * object.MiB
	DefaultInFlight = 128
)

// RestoreOptions say what is restored, and how.
type RestoreOptions struct {
	Filter Filter
	// Strip is taken from the beginning of every key, which must have it, and
	// Add put before the rest.
	Strip, Add string
	Existing   Existing // empty means Skip
	// Memory is what content on its way may take, in bytes; at least 32 MiB.
	Memory object.ByteSize
	// InFlight is how many objects may be written at once, Readers how many
	// indexes read.
	InFlight, Readers int
	// NoCheck takes content that is not what the index's checksum says.
	NoCheck bool
	// AnyETag takes archives that are not those their indexes were written for.
	AnyETag bool
	Thaw    Thaw
	// DeadLetter is told each object that is not restored, one call after the
	// other. Its error ends the run.
	DeadLetter func(index.DeadLetter) error
}

// Restored counts what a run has done.
type Restored struct {
	// Objects and Bytes were restored; Skipped objects were there already.
	Objects, Bytes, Skipped int64
	// DeadLetters were not restored, by reason.
	DeadLetters map[fault.Reason]int64
	// Failed archives or indexes could not be read at all, BadRows of indexes
	// not.
	Failed, BadRows int64
}

// Progress counts what is done so far. It may be read at any time.
type Progress struct {
	Objects, Bytes, Skipped atomic.Int64
	Fetch                   fetch.Stats
}

// Restorer restores objects to one target.
type Restorer struct {
	st  Store
	to  Target
	opt RestoreOptions
	log *slog.Logger

	fetch  fetch.Options
	memory *semaphore.Weighted
	writes *semaphore.Weighted // objects being written
	walks  *semaphore.Weighted // archives or blocks being read from end to end
	copies *semaphore.Weighted // big objects being copied

	Progress Progress

	fail context.CancelCauseFunc // ends the run
	jobs sync.WaitGroup
	cold []Source // to wait for; belongs to who reads the sources

	mu     sync.Mutex
	result Restored
	first  error // of those that were logged
}

// NewRestorer returns a Restorer to a target, for one run. Zero options that
// have a default take it.
func NewRestorer(st Store, to Target, opt RestoreOptions, log *slog.Logger) *Restorer {
	if opt.Existing == "" {
		opt.Existing = Skip
	}
	if opt.InFlight <= 0 {
		opt.InFlight = DefaultInFlight
	}
	if opt.Readers <= 0 {
		opt.Readers = DefaultReaders
	}
	if opt.Memory <= 0 {
		opt.Memory = DefaultMemory
	}
	opt.Memory = max(opt.Memory, 32*object.MiB)
	if opt.DeadLetter == nil {
		opt.DeadLetter = func(index.DeadLetter) error { return nil }
	}
	r := &Restorer{
		st: st, to: to, opt: opt, log: log,
		memory: semaphore.NewWeighted(int64(opt.Memory)),
		writes: semaphore.NewWeighted(int64(opt.InFlight)),
		walks:  semaphore.NewWeighted(walksAtOnce),
		copies: semaphore.NewWeighted(copiesAtOnce),
		result: Restored{DeadLetters: map[fault.Reason]int64{}},
	}
	r.fetch = fetch.Options{Limiter: fetch.NewLimiter(opt.InFlight), Stats: &r.Progress.Fetch}
	return r
}

// walksAtOnce is how many archives or blocks are read from end to end at once,
// because they hold an object that does not fit into memory, or their index
// knows no places.
const walksAtOnce = 4

// copiesAtOnce is how many big objects are restored at once; S3 does the work
// where they go to a bucket.
const copiesAtOnce = 8

// Run restores the objects of sources. An object that cannot be restored, or a
// source that cannot be read, does not keep the others from being restored;
// what there is of them is logged and counted. The error is what ended the run
// before its end.
func (r *Restorer) Run(ctx context.Context, sources iter.Seq2[Source, error]) (Restored, error) {
	ctx, r.fail = context.WithCancelCause(ctx)
	defer r.fail(nil)
	fresh, err := r.to.fresh(ctx)
	for err == nil {
		r.cold = nil
		err = r.pass(ctx, sources, fresh)
		r.jobs.Wait()
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil || len(r.cold) == 0 {
			break
		}
		waiting := r.cold
		r.log.Log(ctx, levelNotice, "waiting for archives to be restored by S3", "archives", len(waiting))
		err = r.opt.Thaw.pause(ctx)
		sources = func(yield func(Source, error) bool) {
			for _, s := range waiting {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
	r.jobs.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Objects, r.result.Bytes, r.result.Skipped = r.Progress.Objects.Load(), r.Progress.Bytes.Load(), r.Progress.Skipped.Load()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return r.result, err
}

// FirstError is the first of the errors that cost a dead letter or a source.
func (r *Restorer) FirstError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.first
}

// done counts an object that is restored.
func (r *Restorer) done(w *wanted) {
	r.Progress.Objects.Add(1)
	r.Progress.Bytes.Add(w.row.Size)
}

// letter leaves an object out, or ends the run if err is not of one object.
func (r *Restorer) letter(ctx context.Context, row *index.Row, err error) {
	reason := reasonOf(err)
	if ctx.Err() != nil || reason == "" {
		r.fail(fault.As(fault.Download, err))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.DeadLetters[reason]++
	if r.first == nil {
		r.first = err
	}
	r.log.Error("not restored: "+nameOf(row), "reason", reason, "err", err)
	d := index.DeadLetter{Bucket: row.Bucket, Key: row.Key, Size: strconv.FormatInt(row.Size, 10), LastModified: row.LastModified, Reason: reason}
	if err := r.opt.DeadLetter(d); err != nil {
		r.fail(fault.As(fault.Write, err))
	}
}

// reasonOf is why an error costs one object; empty if it ends the run.
func reasonOf(err error) fault.Reason {
	reason := fault.ReasonOf(err)
	if reason != "" {
		return reason
	}
	switch fault.KindOf(err) {
	case fault.Compress, fault.Read:
		return fault.ChecksumMismatch // the archive's bytes are damaged
	}
	if isRange(err) {
		return fault.ChecksumMismatch
	}
	return ""
}

// lost counts a source that cannot be read, or a row of one.
func (r *Restorer) lost(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if errors.Is(err, index.ErrRow) {
		r.result.BadRows++
	} else {
		r.result.Failed++
	}
	if r.first == nil {
		r.first = err
	}
	r.log.Error("not restored", "err", err)
}
