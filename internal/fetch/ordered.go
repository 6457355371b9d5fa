package fetch

import (
	"context"
	"iter"
	"sync"

	"golang.org/x/sync/semaphore"

	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// window bounds the objects that are asked for ahead of the one handed over.
const window = 4096

// Budget bounds the memory of all objects that are held, in bytes. One Budget
// may serve several iterations; it is safe for concurrent use.
type Budget struct {
	sem     *semaphore.Weighted
	size    int64
	buffers buffers
}

// NewBudget returns a budget of size bytes, at least one chunk.
func NewBudget(size int64) *Budget {
	size = max(size, Chunk)
	return &Budget{sem: semaphore.NewWeighted(size), size: size, buffers: buffers{max: size}}
}

// Options are how objects are read. All fields must be set.
type Options struct {
	Budget  *Budget
	Limiter *Limiter
	Stats   *Stats
}

// Ordered yields the objects of objs in their order, while many of them are
// on their way. An error of objs is yielded in its place, without an Item; if
// objs goes on after it, so does the iteration. The end of ctx is yielded as
// its cause and ends the iteration.
//
// It owns its goroutines and memory: all are gone when the iteration ends,
// also by a break. objs is called from one of the goroutines.
func Ordered(ctx context.Context, r store.Reader, objs iter.Seq2[object.Object, error], opt Options) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		o := &ordering{
			source: &source{r: r, limit: opt.Limiter, stats: opt.Stats, budget: opt.Budget},
			queue:  make(chan entry, window),
			tasks:  make(chan task, window),
		}
		var dispatcher sync.WaitGroup
		dispatcher.Go(func() {
			defer close(o.queue)
			o.dispatch(ctx, objs)
		})
		defer dispatcher.Wait()
		defer o.drain()
		defer cancel(errDiscarded)

		for e := range o.queue {
			if e.err != nil {
				if !yield(nil, e.err) {
					return
				}
				continue
			}
			<-e.item.answered
			if err := context.Cause(ctx); err != nil {
				e.item.discard()
				yield(nil, err)
				return
			}
			more := yield(e.item, nil)
			e.item.discard()
			if !more {
				return
			}
		}
		if err := context.Cause(ctx); err != nil {
			yield(nil, err)
		}
	}
}

// entry is an object on its way or an error of the list.
type entry struct {
	item *Item
	err  error
}

type ordering struct {
	source  *source
	queue   chan entry
	tasks   chan task
	workers int // running; belongs to the dispatcher
	reads   sync.WaitGroup
}

// task is one read: of an object, or of a piece of a large one.
type task struct {
	item   *Item
	piece  *piece // nil for an object that fits one
	before *piece // the one before it
	n      int    // the piece's number
}

// dispatch reserves memory and starts the reads, in order, until ctx ends.
func (o *ordering) dispatch(ctx context.Context, objs iter.Seq2[object.Object, error]) {
	defer o.reads.Wait()
	defer close(o.tasks)
	for obj, err := range objs {
		if context.Cause(ctx) != nil {
			return
		}
		e := entry{err: err}
		if err == nil {
			if e.item = o.start(ctx, obj); e.item == nil {
				return
			}
		}
		var first *piece
		if e.item != nil {
			first = e.item.first // the consumer takes it
		}
		// The queue is read to its end, so this never waits for ever.
		o.queue <- e
		if e.item != nil && e.item.large != nil {
			o.startMore(e.item, first)
		}
	}
}

// start begins to read obj; nil if ctx ended first.
func (o *ordering) start(ctx context.Context, obj object.Object) *Item {
	it := &Item{Object: obj, s: o.source, ctx: ctx, answered: make(chan struct{})}
	n := obj.Size
	if n < 0 {
		n = unlisted
	}
	if it.first = o.source.reserve(ctx, min(n, Chunk)); it.first == nil {
		return nil
	}
	if n <= Chunk {
		it.first.done = it.answered
		o.give(task{item: it})
		return it
	}
	it.first.done, it.first.summed = make(chan struct{}), make(chan struct{})
	l := &large{more: make(chan *piece, o.source.budget.size/Chunk), pinned: make(chan struct{})}
	it.ctx, l.cancel = context.WithCancelCause(ctx)
	it.large = l
	o.give(task{item: it, piece: it.first})
	return it
}

// give hands a task to a worker. Workers take tasks in their order, which is
// that in which memory was reserved, and there are as many as may have a
// request under way: what they are busy with can end.
func (o *ordering) give(t task) {
	o.tasks <- t
	if len(o.tasks) > 0 && o.workers < int(o.source.limit.max) {
		o.workers++
		o.reads.Go(o.work)
	}
}

// work reads, one object or piece after the other. A goroutine for each would
// have to grow its stack every time.
func (o *ordering) work() {
	w := worker{source: o.source}
	defer w.end()
	for t := range o.tasks {
		switch {
		case t.piece == nil:
			t.item.readSmall(&w)
		case t.n == 0:
			t.item.readFirst(&w, o.reads.Go)
		default:
			t.item.readNext(&w, t.piece, t.before, t.n)
		}
	}
}

// startMore begins to read the pieces of a large object behind the first, as
// far as its listed size goes. The item is in the queue already, so that its consumer
// frees the memory that is waited for here.
func (o *ordering) startMore(it *Item, before *piece) {
	defer close(it.large.more)
	for i := 1; int64(i)*Chunk < it.Object.Size; i++ {
		p := o.source.reserve(it.ctx, min(it.Object.Size-int64(i)*Chunk, Chunk))
		if p == nil {
			return
		}
		p.done, p.summed = make(chan struct{}), make(chan struct{})
		it.large.more <- p // has room for all that the budget lets through
		o.give(task{it, p, before, i})
		before = p
	}
}

// drain discards what is still on its way when the iteration has ended.
func (o *ordering) drain() {
	for e := range o.queue {
		if e.item != nil {
			e.item.discard()
		}
	}
}

// reserve takes memory for a piece of n bytes; nil if ctx ended first.
func (s *source) reserve(ctx context.Context, n int64) *piece {
	_, size := classOf(int(n))
	if s.budget.sem.Acquire(ctx, int64(size)) != nil {
		return nil
	}
	return &piece{reserved: int64(size)}
}

// release gives the memory of a piece back.
func (s *source) release(p *piece) {
	if p.buf != nil {
		s.budget.buffers.put(p.buf)
		p.buf = nil
	}
	s.budget.sem.Release(p.reserved)
}
