package fetch

import (
	"context"
	"sync"
)

// Limiter bounds the requests in flight and follows what S3 can bear: each
// throttled answer cuts the limit by a third, at most once for the requests
// that were under way together, and each limit's worth of good answers raises
// it by one (additive increase, multiplicative decrease). One Limiter serves
// all readers of a process. It is safe for concurrent use.
type Limiter struct {
	mu       sync.Mutex
	limit    float64
	max      float64
	inFlight int
	epoch    int // counts the cuts
	waiters  []chan struct{}
}

// NewLimiter returns a Limiter that starts at max requests and never exceeds
// them.
func NewLimiter(max int) *Limiter {
	if max < 1 {
		max = 1
	}
	return &Limiter{limit: float64(max), max: float64(max)}
}

// Limit is the number of requests that may be in flight now.
func (l *Limiter) Limit() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.limit)
}

// acquire waits, in turn, for leave to send one request. The token goes back
// by release.
func (l *Limiter) acquire(ctx context.Context) (token int, err error) {
	l.mu.Lock()
	if len(l.waiters) == 0 && l.inFlight < int(l.limit) {
		l.inFlight++
		token = l.epoch
		l.mu.Unlock()
		return token, nil
	}
	turn := make(chan struct{})
	l.waiters = append(l.waiters, turn)
	l.mu.Unlock()
	select {
	case <-turn: // admit counted it
	case <-ctx.Done():
		if !l.leave(turn) { // admitted at the same moment
			l.mu.Lock()
			l.inFlight--
			l.admit()
			l.mu.Unlock()
		}
		return 0, context.Cause(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch, nil
}

// leave takes a waiter out of the line; false if it is not there any more.
func (l *Limiter) leave(turn chan struct{}) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, w := range l.waiters {
		if w == turn {
			l.waiters = append(l.waiters[:i], l.waiters[i+1:]...)
			return true
		}
	}
	return false
}

// verdict is what an answer says of the load.
type verdict int

const (
	fine verdict = iota
	failed
	throttled
)

// release ends a request.
func (l *Limiter) release(token int, v verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	switch v {
	case fine:
		l.limit = min(l.max, l.limit+1/l.limit)
	case throttled:
		if token == l.epoch {
			l.limit = max(1, l.limit*2/3)
			l.epoch++
		}
	}
	l.admit()
}

// admit lets waiters in while there is room. The caller holds mu.
func (l *Limiter) admit() {
	for len(l.waiters) > 0 && l.inFlight < int(l.limit) {
		l.inFlight++
		close(l.waiters[0])
		l.waiters = l.waiters[1:]
	}
}
