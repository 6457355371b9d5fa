package submit

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"s3bundler/internal/fault"
)

// Poll is how often Follow asks for the tasks' states.
const Poll = 5 * time.Second

// grace is how long a task may be unknown to ECS, which is only eventually
// consistent after RunTask, and how long DescribeTasks may go unanswered.
const grace = 2 * time.Minute

// ErrUnknown says that ECS no longer tells of a task: it keeps one for about
// an hour after its end.
var ErrUnknown = errors.New("ECS does not know the task any more")

// Change is a step of one task's life.
type Change struct {
	Status
	// Err says that the task's end cannot be told; Status then holds its ARN.
	Err error
}

// Over reports whether this is the task's last Change.
func (c Change) Over() bool { return c.Err != nil || c.Stopped() }

// Follow asks for the tasks' states again and again and yields every change
// of one, until all are over. The iteration ends early with an error: the
// cause of ctx's end, a refusal of DescribeTasks, or its failure for long.
func Follow(ctx context.Context, tasks Tasks, cluster string, arns []string) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		last := make(map[string]string, len(arns)) // state by ARN
		seen := make(map[string]time.Time, len(arns))
		open := slices.Clone(arns)
		for _, arn := range open {
			seen[arn] = time.Now()
		}
		answered := time.Now()
		for {
			states, err := describe(ctx, tasks, cluster, open)
			switch {
			case ctx.Err() != nil:
				yield(Change{}, context.Cause(ctx))
				return
			case err == nil:
				answered = time.Now()
			case !passing(err) || time.Since(answered) > grace:
				yield(Change{}, fault.As(fault.API, err))
				return
			}
			for _, s := range states {
				seen[s.ARN] = answered
				if s.Last == last[s.ARN] {
					continue
				}
				last[s.ARN] = s.Last
				if s.Stopped() {
					open = slices.DeleteFunc(open, func(arn string) bool { return arn == s.ARN })
				}
				if !yield(Change{Status: s}, nil) {
					return
				}
			}
			for _, arn := range slices.Clone(open) {
				if answered.Sub(seen[arn]) <= grace {
					continue
				}
				open = slices.DeleteFunc(open, func(a string) bool { return a == arn })
				if !yield(Change{Status: Status{ARN: arn}, Err: ErrUnknown}, nil) {
					return
				}
			}
			if len(open) == 0 {
				return
			}
			select {
			case <-time.After(Poll):
			case <-ctx.Done():
			}
		}
	}
}

// passing reports whether a DescribeTasks that has failed may succeed later:
// the network or ECS is too busy, rather than that ECS has refused it.
func passing(err error) bool {
	var f *fault.Error
	refused := errors.As(err, &f) && f.RequestID != ""
	return fault.Throttled(err) || !refused
}

// describe asks for any number of tasks. What was answered before an error is
// returned with it.
func describe(ctx context.Context, tasks Tasks, cluster string, arns []string) ([]Status, error) {
	var all []Status
	for some := range slices.Chunk(arns, MaxDescribe) {
		states, err := tasks.DescribeTasks(ctx, cluster, some)
		if err != nil {
			return all, err
		}
		all = append(all, states...)
	}
	return all, nil
}
