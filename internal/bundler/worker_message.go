package bundler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"s3bundler/internal/health"
	"s3bundler/internal/metrics"
	"s3bundler/internal/queue"
	"s3bundler/internal/store"
)

const (
	// deletePatience bounds what a delete may take, with its retries. A
	// message that could not be deleted comes again and costs two HEADs.
	deletePatience = 20 * time.Second
	// handBackPatience is shorter because the machine is going away. With what
	// S3 is told before, the end comes within five seconds of the grace.
	handBackPatience = 1500 * time.Millisecond
)

var errSilent = errors.New("SQS does not answer")

// handle does what m asks for. ok is false if a manifest could not be bundled,
// for a reason that may well be this machine's.
func (w *worker) handle(working context.Context, m queue.Message, beat *health.Loop) (ok bool) {
	if m.ReceiveCount > 1 {
		w.opt.Metrics.Redelivery()
	}
	event, err := queue.ParseEvent(m)
	if err != nil {
		w.log.Error("left a message alone", "err", err)
		w.log.Debug("the message's body", "id", m.ID, "body", m.Body)
		return true
	}
	if event.Test {
		w.log.Log(working, LevelNotice, "S3 has tested that it may send events to this queue")
	}
	for _, what := range event.Ignored {
		w.log.Info("ignored an event", "event", what)
	}
	held, release := queue.Hold(working, w.queue, m, queue.Watch{
		Renewed: w.opt.Metrics.Renewal,
		Failed:  func(err error) { w.log.Warn("could not renew a message", "id", m.ID, "err", err) },
	})
	defer release()
	ok = true
	for _, manifest := range event.Manifests {
		if w.ours(manifest.Location) {
			w.log.Warn("ignored an event of an archive's own file; let only manifests send events", "at", manifest.String())
			continue
		}
		if held.Err() == nil && !w.do(held, manifest, beat) {
			ok = false
		}
	}
	why := context.Cause(held)
	release()
	switch {
	case why == nil && ok:
		w.delete(working, m)
	case working.Err() != nil:
		w.giveBack(working, m)
	case errors.Is(why, queue.ErrLost):
		// Somebody else may have it by now.
		w.log.Warn("lost a message, which will be tried again", "id", m.ID, "err", why)
	case why != nil:
		w.log.Error("gave a message up; make smaller manifests (s3grouper --size-threshold)", "id", m.ID, "err", why)
	}
	return ok
}

// do bundles one manifest; false if it failed.
func (w *worker) do(held context.Context, manifest queue.Manifest, beat *health.Loop) bool {
	where := manifest.String()
	defer beat.Work(held, where)()
	r, err := w.bundle(held, manifest.Location)
	switch {
	case err != nil && held.Err() != nil:
		w.log.Warn("stopped processing "+where, "err", context.Cause(held))
		return errors.Is(context.Cause(held), store.ErrNoTime)
	case err != nil:
		w.log.Error("gave up "+where, "err", err)
		return false
	case r.Done:
		w.log.Info("archived before: " + where)
		return true
	}
	w.meter.emit(w.log, metrics.Manifest{
		URI: where, Objects: r.Objects, Bytes: r.Bytes, Copied: r.Copied, DeadLetters: r.DeadLetters, Duration: r.Elapsed,
	})
	if w.opt.Done != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.opt.Done(r)
	}
	return true
}

// delete takes m off the queue. If that fails, m comes again, finds its
// archives and is deleted then.
func (w *worker) delete(working context.Context, m queue.Message) {
	ctx, end := linger(working, handBackPatience)
	defer end()
	ctx, cancel := context.WithTimeoutCause(ctx, deletePatience, errSilent)
	defer cancel()
	if err := w.queue.Delete(ctx, m); err != nil {
		w.log.Warn("could not delete a message whose work is done; it will come again", "id", m.ID, "err", err)
	}
}

// giveBack makes m visible at once: another worker can have it.
func (w *worker) giveBack(ctx context.Context, m queue.Message) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), handBackPatience, errSilent)
	defer cancel()
	err := w.queue.Extend(ctx, m, 0)
	if err != nil {
		w.log.Warn(fmt.Sprintf("could not hand a message back; it will come again within %v", w.queue.VisibilityTimeout()), "id", m.ID, "err", err)
		return
	}
	w.log.Info("handed a message back", "id", m.ID)
}
