// Package health answers whether a worker is alive and still holds what it
// works on.
package health

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"s3bundler/internal/queue"
)

// DefaultQuiet is how long a loop may be silent between two manifests. It is
// some times the 20 seconds that a receive call takes.
const DefaultQuiet = 3 * time.Minute

// Checks watches the loops of one process that receive and work. It is an
// http.Handler that answers 200 if all are well and 503 otherwise, with a line
// of text for each that is not. Its methods may be called from many
// goroutines. A nil *Checks watches nothing.
type Checks struct {
	quiet time.Duration

	mu    sync.Mutex
	loops map[*Loop]struct{}
}

// New returns Checks that call a loop dead if it has nothing in hand and has
// not called Beat for quiet.
func New(quiet time.Duration) *Checks {
	return &Checks{quiet: quiet, loops: map[*Loop]struct{}{}}
}

// Loop is one receive loop. It has at most one manifest in hand. Its methods
// may be called on a nil *Loop.
type Loop struct {
	checks *Checks

	// Guarded by checks.mu.
	beat time.Time
	hand *work // nil with nothing in hand
}

type work struct {
	held context.Context
	what string
}

// Start adds a loop, which must call Beat from now on. end takes it out.
func (c *Checks) Start() (l *Loop, end func()) {
	if c == nil {
		return nil, func() {}
	}
	l = &Loop{checks: c, beat: time.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loops[l] = struct{}{}
	return l, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.loops, l)
	}
}

// Beat says that the loop goes on: it must be called around every receive.
func (l *Loop) Beat() {
	if l != nil {
		l.set(nil)
	}
}

// Work says that the loop works on what, for as long as held from queue.Hold
// goes on. done, which must be called when the work has ended, says that it
// does not any more.
func (l *Loop) Work(held context.Context, what string) (done func()) {
	if l == nil {
		return func() {}
	}
	l.set(&work{held, what})
	return func() { l.set(nil) }
}

func (l *Loop) set(hand *work) {
	l.checks.mu.Lock()
	defer l.checks.mu.Unlock()
	l.beat, l.hand = time.Now(), hand
}

// ServeHTTP answers a health check.
func (c *Checks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "GET only", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	ills := c.ills()
	if len(ills) == 0 {
		_, _ = fmt.Fprintln(w, "ok") // who asked may have gone
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	for _, ill := range ills {
		_, _ = fmt.Fprintln(w, ill)
	}
}

func (c *Checks) ills() (ills []string) {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for l := range c.loops {
		if ill := l.ill(time.Now()); ill != "" {
			ills = append(ills, ill)
		}
	}
	slices.Sort(ills)
	return ills
}

// ill says what is wrong with the loop. That held has ended is wrong only if
// its lease was lost and the work on it goes on all the same: a worker that
// drains ends it too.
func (l *Loop) ill(now time.Time) string {
	if l.hand == nil {
		if silent := now.Sub(l.beat); silent > l.checks.quiet {
			return fmt.Sprintf("a worker has not asked for messages for %v", silent.Round(time.Second))
		}
		return ""
	}
	cause := context.Cause(l.hand.held)
	if errors.Is(cause, queue.ErrLost) || errors.Is(cause, queue.ErrTooLong) {
		return fmt.Sprintf("%s is worked on though its %v", l.hand.what, cause)
	}
	return ""
}
