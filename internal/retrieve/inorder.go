package retrieve

import (
	"context"
	"iter"
	"sync"
)

const (
	// batchSize is how many results pass from one goroutine to another at once,
	// batchesAhead how many batches of one task may wait to be taken.
	batchSize    = 256
	batchesAhead = 4
)

// result is what a task yields.
type result[T any] struct {
	value T
	err   error
}

// inOrder works on several tasks at once and yields what they yield, in the
// order of the tasks. An error of tasks itself is yielded in its place and is
// the last, as is the end of ctx. All goroutines have ended when the iteration
// has, also by a break.
func inOrder[S, T any](ctx context.Context, tasks iter.Seq2[S, error], workers int, work func(context.Context, S) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		// A task's place in the queue is its worker's: the queue is as long as
		// there may be workers.
		queue := make(chan chan []result[T], max(workers, 1)-1)
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel(context.Canceled)
		all.Go(func() {
			defer close(queue)
			for s, err := range tasks {
				out := make(chan []result[T], batchesAhead)
				select {
				case queue <- out:
				case <-ctx.Done():
					return
				}
				if err != nil {
					out <- []result[T]{{err: err}}
					close(out)
					return
				}
				all.Go(func() {
					defer close(out)
					send(ctx, out, work(ctx, s))
				})
			}
		})
		for out := range queue {
			for batch := range out {
				for _, r := range batch {
					if !yield(r.value, r.err) {
						return
					}
				}
			}
		}
		if err := context.Cause(ctx); err != nil {
			var none T
			yield(none, err)
		}
	}
}

// send passes results on in batches until ctx ends.
func send[T any](ctx context.Context, out chan<- []result[T], results iter.Seq2[T, error]) {
	var batch []result[T]
	flush := func() bool {
		select {
		case out <- batch:
			batch = make([]result[T], 0, cap(batch))
			return true
		case <-ctx.Done():
			return false
		}
	}
	for v, err := range results {
		if context.Cause(ctx) != nil {
			return
		}
		if batch = append(batch, result[T]{v, err}); len(batch) == batchSize && !flush() {
			return
		}
	}
	if len(batch) > 0 {
		flush()
	}
}
