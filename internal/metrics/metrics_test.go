package metrics_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"s3bundler/internal/fault"
	"s3bundler/internal/metrics"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestEmitGolden shows the lines of a worker's life. The bubble's clock starts
// at midnight UTC 2000-01-01.
func TestEmitGolden(t *testing.T) {
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(&out)
		m.GetLimit(64)
		m.GetErrors(2)
		m.GetRetries(1)
		m.Throttles(1)
		m.Renewal()
		m.Redelivery()
		emit(t, m, metrics.Manifest{
			URI: "s3://inv/manifests/ü-manifest.0.index", Objects: 65000, Bytes: 4 << 30, Copied: 2,
			DeadLetters: map[fault.Reason]int64{fault.NoSuchKey: 3, fault.Glacier: 1},
			Duration:    90 * time.Second,
		})
		time.Sleep(time.Minute)
		m.Throttles(1)
		m.GetLimit(32)
		if err := m.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := m.Flush(); err != nil { // nothing new, no line
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		emit(t, m, metrics.Manifest{URI: "s3://inv/manifests/empty.index"})
	})
	const golden = "testdata/emf.jsonl"
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Error(diff)
	}
}

func emit(t *testing.T, m *metrics.Metrics, done metrics.Manifest) {
	t.Helper()
	if err := m.Emit(done); err != nil {
		t.Fatal(err)
	}
}

// TestLinesAreEMF checks what CloudWatch asks of a document: every metric and
// dimension that is declared is a member, and there are at most 100 metrics.
func TestLinesAreEMF(t *testing.T) {
	var out bytes.Buffer
	m := metrics.New(&out)
	m.GetLimit(1)
	emit(t, m, metrics.Manifest{URI: "s3://b/k\n", DeadLetters: map[fault.Reason]int64{fault.Retry: 1}, Duration: time.Second})
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want 2", len(lines))
	}
	for _, line := range lines {
		// The stack's metric filter for errors looks for these words.
		if strings.Contains(line, "ERROR:") {
			t.Errorf("an alarm would look at %s", line)
		}
		var all map[string]any
		var head struct {
			AWS struct {
				Timestamp         int64
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct{ Name, Unit string }
				}
			} `json:"_aws"`
		}
		if err := errors.Join(json.Unmarshal([]byte(line), &all), json.Unmarshal([]byte(line), &head)); err != nil {
			t.Fatal(err)
		}
		d := head.AWS.CloudWatchMetrics
		if len(d) != 1 || d[0].Namespace != "S3Bundler" || len(d[0].Dimensions) != 1 || d[0].Dimensions[0] == nil || len(d[0].Metrics) == 0 || len(d[0].Metrics) > 100 {
			t.Fatalf("directives %+v", d)
		}
		for _, def := range d[0].Metrics {
			if _, isNumber := all[def.Name].(float64); !isNumber || def.Unit == "" {
				t.Errorf("metric %+v is %v", def, all[def.Name])
			}
		}
		for _, name := range d[0].Dimensions[0] {
			if s, isString := all[name].(string); !isString || s == "" {
				t.Errorf("dimension %s is %v", name, all[name])
			}
		}
	}
}

// TestCountsOnce has many goroutines count and emit at once: no count is lost,
// none is written twice, and no line is broken.
func TestCountsOnce(t *testing.T) {
	var out bytes.Buffer
	m := metrics.New(&out)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				m.Renewal()
				if i%10 == 0 {
					_ = m.Emit(metrics.Manifest{})
				}
			}
		})
	}
	wg.Wait()
	if err := m.Flush(); err != nil {
		t.Fatal(err)
	}
	total := 0
	for line := range strings.Lines(out.String()) {
		var d struct{ Renewals int }
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatal(err)
		}
		total += d.Renewals
	}
	if total != 800 {
		t.Errorf("%d renewals written, 800 counted", total)
	}
}

func TestNone(t *testing.T) {
	var m *metrics.Metrics
	m.GetErrors(1)
	m.GetRetries(1)
	m.GetLimit(1)
	m.Throttles(1)
	m.Renewal()
	m.Redelivery()
	if err := errors.Join(m.Emit(metrics.Manifest{}), m.Flush()); err != nil {
		t.Error(err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriteError(t *testing.T) {
	err := metrics.New(brokenWriter{}).Emit(metrics.Manifest{})
	if !errors.Is(err, os.ErrClosed) || fault.KindOf(err) != fault.Write {
		t.Errorf("error %v of kind %d", err, fault.KindOf(err))
	}
}
