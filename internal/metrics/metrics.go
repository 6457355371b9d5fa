// Package metrics hands over what a worker measures as CloudWatch Embedded
// Metric Format lines: CloudWatch makes metrics of them as it takes in the log,
// and no API is called.
package metrics

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"s3bundler/internal/fault"
)

// Namespace is CloudWatch's name for where the metrics are.
const Namespace = "S3Bundler"

// Metrics counts what happens in one process and writes it out with every
// manifest. Its methods may be called from many goroutines. A nil *Metrics
// counts and writes nothing.
type Metrics struct {
	mu sync.Mutex // one line at a time
	w  io.Writer

	getErrors, getRetries, throttles, renewals, redeliveries atomic.Int64
	getLimit                                                 atomic.Int64
}

// New returns Metrics that write one line, in one Write, at a time to w.
func New(w io.Writer) *Metrics { return &Metrics{w: w} }

// GetErrors counts n GETs that failed, whether or not they are tried again.
func (m *Metrics) GetErrors(n int64) {
	if m != nil {
		m.getErrors.Add(n)
	}
}

// GetRetries counts n GETs that are tried again.
func (m *Metrics) GetRetries(n int64) {
	if m != nil {
		m.getRetries.Add(n)
	}
}

// Throttles counts n answers that ask for fewer requests.
func (m *Metrics) Throttles(n int64) {
	if m != nil {
		m.throttles.Add(n)
	}
}

// GetLimit notes how many GETs may be in flight from now on.
func (m *Metrics) GetLimit(n int) {
	if m != nil {
		m.getLimit.Store(int64(n))
	}
}

// Renewal counts a message whose visibility timeout was extended.
func (m *Metrics) Renewal() {
	if m != nil {
		m.renewals.Add(1)
	}
}

// Redelivery counts a message that had been received before.
func (m *Metrics) Redelivery() {
	if m != nil {
		m.redeliveries.Add(1)
	}
}

// Manifest is what became of one manifest.
type Manifest struct {
	// URI is the manifest's place. It is no dimension, but can be searched
	// for in the log.
	URI string
	// Objects and Bytes are those in the archive.
	Objects, Bytes int64
	// Copied counts the big objects.
	Copied int64
	// DeadLetters counts the objects left out.
	DeadLetters map[fault.Reason]int64
	// Duration is from receiving the manifest's name to storing its index.
	Duration time.Duration
}

// Emit writes the metrics of a finished manifest, and what the process has
// counted since the line before.
func (m *Metrics) Emit(done Manifest) error {
	if m == nil {
		return nil
	}
	var dead int64
	for _, n := range done.DeadLetters {
		dead += n
	}
	seconds := done.Duration.Seconds()
	d := newDocument()
	d.property("Manifest", done.URI)
	d.metric("Manifests", count, 1)
	d.metric("Objects", count, done.Objects)
	d.metric("Bytes", bytes, done.Bytes)
	d.metric("CopiedObjects", count, done.Copied)
	d.metric("DeadLetters", count, dead)
	d.metric("ManifestDuration", "Seconds", seconds)
	if seconds > 0 {
		d.metric("BytesPerSecond", "Bytes/Second", float64(done.Bytes)/seconds)
	}
	m.addCounters(d)
	documents := []*document{d}
	for _, reason := range sortedReasons(done.DeadLetters) {
		d := newDocument()
		d.dimension("Reason", string(reason))
		d.metric("DeadLetters", count, done.DeadLetters[reason])
		documents = append(documents, d)
	}
	return m.write(documents)
}

// Flush writes what the process has counted since the last line, if anything.
func (m *Metrics) Flush() error {
	if m == nil {
		return nil
	}
	d := newDocument()
	if !m.addCounters(d) {
		return nil
	}
	return m.write([]*document{d})
}

// addCounters moves the counts of the process into d, and says whether there
// were any.
func (m *Metrics) addCounters(d *document) (some bool) {
	for _, c := range []struct {
		name  string
		count *atomic.Int64
	}{
		{"GetErrors", &m.getErrors},
		{"GetRetries", &m.getRetries},
		{"Throttles", &m.throttles},
		{"Renewals", &m.renewals},
		{"Redeliveries", &m.redeliveries},
	} {
		n := c.count.Swap(0)
		some = some || n != 0
		d.metric(c.name, count, n)
	}
	if limit := m.getLimit.Load(); limit > 0 {
		d.metric("GetsInFlightLimit", count, limit)
	}
	return some
}

func (m *Metrics) write(documents []*document) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range documents {
		line, err := d.line()
		if err == nil {
			_, err = m.w.Write(line)
		}
		if err != nil {
			return fault.New(fault.Write, "write metrics", "", err, "")
		}
	}
	return nil
}
