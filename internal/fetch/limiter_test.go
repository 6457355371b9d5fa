package fetch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestLimiterFollowsTheServer(t *testing.T) {
	l := NewLimiter(90)
	tokens := make([]int, 60)
	for i := range tokens {
		tokens[i], _ = l.acquire(t.Context())
	}
	for _, token := range tokens { // under way together: one cut
		l.release(token, throttled)
	}
	if got := l.Limit(); got != 60 {
		t.Errorf("limit %d after a throttled batch, want 60", got)
	}
	for range 61 {
		token, _ := l.acquire(t.Context())
		l.release(token, fine)
	}
	if got := l.Limit(); got != 61 {
		t.Errorf("limit %d after 61 good answers, want 61", got)
	}
	for range 100 {
		token, _ := l.acquire(t.Context())
		l.release(token, throttled)
	}
	if got := l.Limit(); got != 1 {
		t.Errorf("limit %d when all is throttled, want 1", got)
	}
	for range 10_000 {
		token, _ := l.acquire(t.Context())
		l.release(token, fine)
	}
	if got := l.Limit(); got != 90 {
		t.Errorf("limit %d when all is well again, want 90", got)
	}
}

func TestLimiterLetsWaitersInByTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(1)
		token, _ := l.acquire(t.Context())
		order := make(chan int, 3)
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("enough")
		gaveUp := make(chan error, 1)
		for i := range 3 {
			go func() {
				if i == 1 {
					_, err := l.acquire(ctx)
					gaveUp <- err
					return
				}
				token, _ := l.acquire(t.Context())
				order <- i
				l.release(token, fine)
			}()
			synctest.Wait()
		}
		cancel(why)
		if err := <-gaveUp; err != why {
			t.Errorf("a cancelled waiter got %v", err)
		}
		l.release(token, fine)
		if a, b := <-order, <-order; a != 0 || b != 2 {
			t.Errorf("let in %d before %d", a, b)
		}
	})
}

func TestClasses(t *testing.T) {
	last := -1
	for n := 1; n <= Chunk; n += 1 + n/100 {
		class, size := classOf(n)
		if size < n || class < last || class >= len(new(buffers).free) {
			t.Fatalf("%d bytes: class %d of %d bytes", n, class, size)
		}
		if again, same := classOf(size); again != class || same != size {
			t.Fatalf("%d bytes: class %d, but its size %d is of class %d", n, class, size, again)
		}
		last = class
	}
	if _, size := classOf(Chunk); size != Chunk {
		t.Errorf("a chunk takes %d bytes", size)
	}
}

func TestBuffersStayWithinTheirBudget(t *testing.T) {
	f := &buffers{max: 2 * Chunk}
	a, b := f.get(Chunk), f.get(Chunk-5)
	f.put(a)
	f.put(b)
	if c := f.get(Chunk); &c[0] != &b[0] {
		t.Error("the last one used is not used again")
	}
	for range 100 { // Chunk is in use, Chunk is kept: there is no more to have
		f.get(10_000)
	}
	if f.used != Chunk+100*12<<10 || f.kept+f.used > f.max {
		t.Errorf("%d bytes in use, %d kept; want %d in use, at most %d together", f.used, f.kept, Chunk+100*12<<10, f.max)
	}
}
