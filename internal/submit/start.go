package submit

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// Options bound what Start does at once and how long it waits.
type Options struct {
	// InFlight is how many RunTask calls are under way at once.
	InFlight int
	// Patience is how long one task is tried again while the cluster has no
	// room for it or ECS throttles.
	Patience time.Duration
}

// Started is what has become of one report's task.
type Started struct {
	Report object.Location
	// ARN is the task's, empty if Err is set.
	ARN string
	Err error
}

// Delays between two attempts at one task: the first, doubled up to the last.
// They are longer than those of the SDK, which has tried within seconds:
// instances join a cluster, and tasks leave it, within minutes.
const (
	firstDelay = 2 * time.Second
	lastDelay  = 30 * time.Second
)

// Start starts a task for each report and yields what became of it, in the
// order of reports. The iteration goes on after a failure; if ctx ends, the
// reports not yet started are yielded with its cause. When the iteration is
// over no call is under way.
func Start(ctx context.Context, tasks Tasks, plan Plan, reports []object.Location, opt Options, log *slog.Logger) iter.Seq[Started] {
	return func(yield func(Started) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()

		next := make(chan int)
		done := make([]chan Started, len(reports))
		for i := range done {
			done[i] = make(chan Started, 1)
		}
		running.Go(func() {
			defer close(next)
			for i := range reports {
				next <- i // its receivers live until next is closed
			}
		})
		for range min(max(opt.InFlight, 1), len(reports)) {
			running.Go(func() {
				for i := range next {
					arn, err := start(ctx, tasks, plan.Task(reports[i]), reports[i], opt.Patience, log)
					done[i] <- Started{Report: reports[i], ARN: arn, Err: err}
				}
			})
		}
		for _, d := range done {
			if !yield(<-d) {
				return
			}
		}
	}
}

// start tries one task until it runs, fails for good or patience is over.
func start(ctx context.Context, tasks Tasks, t Task, report object.Location, patience time.Duration, log *slog.Logger) (string, error) {
	begun := time.Now()
	for delay := firstDelay; ; delay = min(2*delay, lastDelay) {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		arn, err := tasks.RunTask(ctx, t)
		if err == nil || ctx.Err() != nil || !errors.Is(err, ErrCapacity) && !fault.Throttled(err) {
			return arn, err
		}
		// Between half and all of delay, so that attempts do not meet again.
		wait := delay/2 + rand.N(delay/2)
		if time.Since(begun)+wait > patience {
			return "", err
		}
		log.InfoContext(ctx, "waiting to submit "+report.String(), "wait", wait.Round(time.Second), "err", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}
