package bundler

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/health"
	"s3bundler/internal/metrics"
	"s3bundler/internal/object"
	"s3bundler/internal/queue"
)

// The defaults of QueueOptions, which the command line shows.
const (
	DefaultMessages = 2
	// DefaultGrace leaves half a minute of the two between a Spot
	// instance's notice and its end.
	DefaultGrace = 90 * time.Second
)

const (
	// shortestPoll is the least time between two questions for a message, in
	// case that a server does not keep the long poll waiting.
	shortestPoll = time.Second
	// longestPause bounds the time between two tries after failures.
	longestPause = time.Minute
	// flushEvery is how often counts are written while no manifest ends.
	flushEvery = time.Minute
)

// QueueOptions say how a queue is worked on.
type QueueOptions struct {
	// Messages is how many are received, for each of Options.Workers, before
	// Work returns; 0 means no limit.
	Messages int
	// Grace is how long the work in hand may go on once ctx has ended.
	Grace time.Duration
	// Metrics and Health are told how the work fares. They may be nil.
	Metrics *metrics.Metrics
	Health  *health.Checks
	// Done, which may be nil, is told of each manifest that is bundled, one
	// call after the other.
	Done func(Result)
}

// Work bundles the manifests that the messages of q name, with
// Options.Workers messages in hand at once.
//
// A message is deleted when archive, index and dead letters of all its
// manifests are stored. If one of them fails, or the body cannot be read, the
// failure is logged and the message left to become visible by itself: after
// its visibility timeout it is tried again, and after the receives that the
// queue's redrive policy allows it is put aside. To make it visible at once
// would use those up within seconds, on a failure that may pass.
//
// When ctx ends, nothing more is received. What is in hand and does not end
// within Grace is given up, leaves nothing half-written, and its message is
// made visible at once for others. The end of ctx is no error, nor is a failed
// manifest: the error says that the queue cannot be used.
func (b *Bundler) Work(ctx context.Context, q queue.Queue, opt QueueOptions) error {
	w := &worker{
		queue: q, opt: opt, log: b.log, bundle: b.Bundle, ours: b.opt.Archive.Holds,
		meter: meter{metrics: opt.Metrics, progress: &b.Progress, limit: b.Limit},
	}
	return w.work(ctx, b.opt.Workers)
}

// worker serves one queue with several loops, which share all of it.
type worker struct {
	queue  queue.Queue
	opt    QueueOptions
	log    *slog.Logger
	bundle func(context.Context, object.Location) (Result, error)
	// ours reports whether a location is one of an archive's own.
	ours func(object.Location) bool

	meter    meter
	received atomic.Int64 // messages, with those about to be received
	mu       sync.Mutex   // one call of opt.Done at a time
}

func (w *worker) work(ctx context.Context, loops int) error {
	receiving, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	working, end := linger(receiving, w.opt.Grace)
	defer end()
	var watching, all sync.WaitGroup
	done := make(chan struct{})
	watching.Go(func() { w.watch(ctx, done) })
	var mu sync.Mutex
	var unusable error
	limit := int64(w.opt.Messages * loops)
	for range loops {
		all.Go(func() {
			if err := w.loop(receiving, working, limit); err != nil {
				mu.Lock()
				unusable = err
				mu.Unlock()
				stop(err)
			}
		})
	}
	all.Wait()
	close(done)
	watching.Wait()
	w.meter.flush(w.log)
	return unusable
}

// loop has one message in hand at a time until receiving ends or limit
// messages were received by all loops. working is what the work lives on.
func (w *worker) loop(receiving, working context.Context, limit int64) error {
	beat, end := w.opt.Health.Start()
	defer end()
	for failed := 0; limit == 0 || w.received.Add(1) <= limit; {
		m, ok, err := w.next(receiving, beat)
		if err != nil || !ok {
			return err
		}
		if receiving.Err() != nil { // it came with the end
			w.giveBack(working, m)
			return nil
		}
		if ok := w.handle(working, m, beat); ok {
			failed = 0
			continue
		}
		// Several failures in a row are rarely the manifests' fault. Going on
		// at full speed would use up the receives of every message there is.
		sleep(receiving, backoff(failed))
		failed++
	}
	return nil
}

// next waits for a message; ok is false if receiving ended first. The error
// says that the queue cannot be used.
func (w *worker) next(receiving context.Context, beat *health.Loop) (m queue.Message, ok bool, err error) {
	for failed := 0; receiving.Err() == nil; {
		asked := time.Now()
		beat.Beat()
		m, ok, err = w.queue.Receive(receiving)
		beat.Beat()
		switch {
		case ok:
			return m, true, nil
		case receiving.Err() != nil:
		case err == nil:
			failed = 0
			sleep(receiving, shortestPoll-time.Since(asked))
		case fault.KindOf(err) == fault.Usage:
			return m, false, err
		default:
			w.log.Error("got no message", "err", err)
			failed++
			sleep(receiving, backoff(failed))
		}
	}
	return m, false, nil
}

// watch says when ctx ends, and writes counts now and then, for manifests that
// take long.
func (w *worker) watch(ctx context.Context, done <-chan struct{}) {
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for ended := ctx.Done(); ; {
		select {
		case <-ended:
			ended = nil
			w.log.Log(ctx, LevelNotice, "receiving no more messages", "grace", w.opt.Grace, "err", context.Cause(ctx))
		case <-ticker.C:
			w.meter.flush(w.log)
		case <-done:
			return
		}
	}
}

// backoff is how long to wait after so many failures in a row.
func backoff(failed int) time.Duration {
	if failed <= 0 {
		return 0
	}
	return min(time.Second<<min(failed-1, 10), longestPause)
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
