package main

import (
	"fmt"
	"strings"
	"sync"

	"s3bundler/internal/cli"
	"s3bundler/internal/submit"
)

// tally counts tasks for the progress bar, which reads it from a goroutine of
// its own.
type tally struct {
	unit  string
	total int

	mu     sync.Mutex
	done   int
	failed int
	states map[string]string // of tasks that have not ended, by ARN
}

func newTally(unit string, total int) *tally {
	return &tally{unit: unit, total: total, states: map[string]string{}}
}

func (t *tally) add(failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done++
	if failed {
		t.failed++
	}
}

func (t *tally) see(s submit.Status) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.states[s.ARN] = s.Last
}

func (t *tally) end(arn string, failed bool) {
	t.add(failed)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.states, arn)
}

func (t *tally) left() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total - t.done
}

func (t *tally) snapshot() cli.Snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	running := 0
	for _, s := range t.states {
		if s == "RUNNING" {
			running++
		}
	}
	var notes []string
	if running > 0 {
		notes = append(notes, fmt.Sprintf("%d running", running))
	}
	if t.failed > 0 {
		notes = append(notes, fmt.Sprintf("%d failed", t.failed))
	}
	return cli.Snapshot{Done: int64(t.done), Total: int64(t.total), Unit: t.unit, Note: strings.Join(notes, ", ")}
}
