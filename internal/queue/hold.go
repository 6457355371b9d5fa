package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// tooLongMargin is how long before MaxHold the work is given up, so that
	// it can stop in good order.
	tooLongMargin = 5 * time.Minute
	// holdMargin is kept from MaxHold when the timeout is extended to the
	// last: SQS started its clock before the message arrived here.
	holdMargin = time.Minute
	// maxAttempt bounds one renewal, so that a connection that hangs leaves
	// time for another one.
	maxAttempt = 10 * time.Second
	// maxPause bounds the time between a failed renewal and the next.
	maxPause = 30 * time.Second
)

// Watch is told how renewals fare. Its functions may be nil. They are called
// one at a time, from a goroutine of Hold's, and must not block.
type Watch struct {
	Renewed func()
	// Failed gets the error of a renewal. The lease stands all the same if
	// held has not ended.
	Failed func(err error)
}

// Hold keeps m from other receivers until release is called. It renews every
// third of the visibility timeout, and more often after a renewal failed.
//
// held derives from ctx and is for the work on m. It ends with the cause
//
//   - ErrLost, a third of the visibility timeout before the message could
//     become visible, or at once if the queue says that it is no longer ours;
//   - ErrTooLong, five minutes before MaxHold;
//   - that of ctx, if ctx ends; then the message is renewed no more.
//
// release ends held and returns when no renewal is under way any more, so that
// a Delete or Extend that follows has the last word. It may be called many
// times, from any goroutine, and must be called at least once.
func Hold(ctx context.Context, q Queue, m Message, watch ...Watch) (held context.Context, release func()) {
	held, cancel := context.WithCancelCause(ctx)
	l := &lease{queue: q, message: m, timeout: q.VisibilityTimeout(), watch: watch, cancel: cancel}
	if m.Received.IsZero() {
		l.message.Received = time.Now()
	}
	l.extend(l.message.Received, l.timeout)

	var wg sync.WaitGroup
	wg.Go(func() { l.keep(held) })
	return held, func() {
		cancel(context.Canceled)
		wg.Wait()
	}
}

// lease is the state of one Hold. Hold sets it up, then only the goroutine of
// keep touches it.
type lease struct {
	queue   Queue
	message Message
	timeout time.Duration
	watch   []Watch
	cancel  context.CancelCauseFunc

	// end is when the message becomes visible.
	end time.Time
	// full says that end cannot be put off any more.
	full bool
	// expiry ends held. A timer does it and not the loop of keep, so that a
	// renewal that hangs cannot hold it up.
	expiry *time.Timer
}

// interval is the time between renewals, and the margin before the message
// becomes visible.
func (l *lease) interval() time.Duration { return l.timeout / 3 }

// keep renews until held ends.
func (l *lease) keep(held context.Context) {
	defer func() { l.expiry.Stop() }()
	for next := l.message.Received.Add(l.interval()); !l.full && wait(held, next); {
		now := time.Now()
		by := min(l.timeout, l.latest().Sub(now)).Truncate(time.Second)
		patience := min(l.interval()/2, maxAttempt)
		attempt, cancel := context.WithTimeoutCause(held, patience, fmt.Errorf("not renewed within %v", patience.Round(time.Millisecond)))
		err := l.queue.Extend(attempt, l.message, by)
		cancel()
		switch {
		case err == nil:
			// Counted from before the request, so never too late.
			l.extend(now, by)
			next = now.Add(l.interval())
			l.renewed()
		case held.Err() != nil:
		case errors.Is(err, ErrLost):
			l.cancel(err)
		case errors.Is(err, ErrTooLong):
			l.full = true
			l.arm(l.end.Add(-l.interval()), err)
			l.failed(err)
		default:
			l.failed(err)
			next = time.Now().Add(min(l.interval()/4, maxPause))
		}
	}
	<-held.Done()
}

// latest is the time up to which SQS lets the timeout be extended.
func (l *lease) latest() time.Time { return l.message.Received.Add(MaxHold - holdMargin) }

// extend notes that the message is invisible for by from the time from on.
func (l *lease) extend(from time.Time, by time.Duration) {
	l.end = from.Add(by)
	l.full = !l.end.Before(l.latest().Add(-time.Second)) // less than a second is no extension
	lost, tooLong := l.end.Add(-l.interval()), l.message.Received.Add(MaxHold-tooLongMargin)
	if l.full || tooLong.Before(lost) {
		l.arm(tooLong, ErrTooLong)
	} else {
		l.arm(lost, ErrLost)
	}
}

// arm makes held end at t with cause, unless it is armed again before.
func (l *lease) arm(t time.Time, cause error) {
	if l.expiry != nil {
		l.expiry.Stop()
	}
	l.expiry = time.AfterFunc(time.Until(t), func() { l.cancel(cause) })
}

func (l *lease) renewed() {
	for _, w := range l.watch {
		if w.Renewed != nil {
			w.Renewed()
		}
	}
}

func (l *lease) failed(err error) {
	for _, w := range l.watch {
		if w.Failed != nil {
			w.Failed(err)
		}
	}
}

// wait reports whether t came before the end of ctx.
func wait(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
