package bundler

import (
	"log/slog"
	"sync"

	"s3bundler/internal/metrics"
)

// meter moves what a Bundler counts into metrics. It is safe for concurrent
// use.
type meter struct {
	metrics  *metrics.Metrics
	progress *Progress
	limit    func() int

	mu                         sync.Mutex
	errors, retries, throttles int64 // moved so far
}

// sample moves what was counted since the last time.
func (m *meter) sample() {
	m.mu.Lock()
	defer m.mu.Unlock()
	since := func(now int64, seen *int64) int64 {
		d := now - *seen
		*seen = now
		return d
	}
	f := &m.progress.Fetch
	m.metrics.GetErrors(since(f.Errors.Load(), &m.errors))
	m.metrics.GetRetries(since(f.Retries.Load(), &m.retries))
	m.metrics.Throttles(since(f.Throttles.Load(), &m.throttles))
	m.metrics.GetLimit(m.limit())
}

// emit writes the line of a manifest.
func (m *meter) emit(log *slog.Logger, done metrics.Manifest) {
	m.sample()
	if err := m.metrics.Emit(done); err != nil {
		log.Error("lost metrics", "err", err)
	}
}

// flush writes what was counted since the last line.
func (m *meter) flush(log *slog.Logger) {
	m.sample()
	if err := m.metrics.Flush(); err != nil {
		log.Error("lost metrics", "err", err)
	}
}
