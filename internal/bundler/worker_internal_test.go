package bundler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/metrics"
	"s3bundler/internal/object"
	"s3bundler/internal/queue"
)

// fakeQueue deals messages in the order they are pushed, each once, and notes
// what becomes of them.
type fakeQueue struct {
	timeout time.Duration
	extend  func(by time.Duration) error
	failed  error         // of Receive
	poll    time.Duration // of Receive without a message

	mu       sync.Mutex
	messages []queue.Message
	events   []string // "receive", "delete a", "extend a 0s"
	start    time.Time
}

func newFakeQueue(bodies ...string) *fakeQueue {
	q := &fakeQueue{timeout: 30 * time.Second, poll: 20 * time.Second, start: time.Now()}
	for i, b := range bodies {
		q.messages = append(q.messages, queue.Message{ID: string(rune('a' + i)), Body: b, ReceiveCount: 1})
	}
	return q
}

func (q *fakeQueue) note(format string, args ...any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.events = append(q.events, fmt.Sprintf(format, args...))
}

// count gives the number of events that start with prefix.
func (q *fakeQueue) count(prefix string) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range q.events {
		if strings.HasPrefix(e, prefix) {
			n++
		}
	}
	return n
}

// settled are the deletes and the handing back, in order.
func (q *fakeQueue) settled() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return strings.Join(slices.DeleteFunc(slices.Clone(q.events), func(e string) bool {
		return e == "receive" || strings.HasPrefix(e, "extend") && !strings.HasSuffix(e, " 0s")
	}), ", ")
}

func (q *fakeQueue) Receive(ctx context.Context) (queue.Message, bool, error) {
	q.note("receive")
	q.mu.Lock()
	if len(q.messages) > 0 {
		m := q.messages[0]
		q.messages = q.messages[1:]
		m.Received = time.Now()
		q.mu.Unlock()
		return m, true, nil
	}
	q.mu.Unlock()
	if q.failed != nil {
		return queue.Message{}, false, q.failed
	}
	sleep(ctx, q.poll)
	if ctx.Err() != nil {
		return queue.Message{}, false, context.Cause(ctx)
	}
	return queue.Message{}, false, nil
}

func (q *fakeQueue) Extend(_ context.Context, m queue.Message, by time.Duration) error {
	q.note("extend %s %v", m.ID, by)
	if q.extend != nil && by > 0 {
		return q.extend(by)
	}
	return nil
}

func (q *fakeQueue) Delete(ctx context.Context, m queue.Message) error {
	q.note("delete %s", m.ID)
	return ctx.Err()
}

func (q *fakeQueue) VisibilityTimeout() time.Duration { return q.timeout }

// fakeWorker takes d for each manifest, and fails those whose key says so.
func fakeWorker(q queue.Queue, d time.Duration, opt QueueOptions) (*worker, *bytes.Buffer) {
	var log bytes.Buffer
	var mu sync.Mutex
	w := &worker{
		queue: q, opt: opt, log: slog.New(slog.NewTextHandler(locked{&mu, &log}, nil)),
		ours: func(l object.Location) bool { return strings.HasPrefix(l.Key, "archive/") },
		bundle: func(ctx context.Context, l object.Location) (Result, error) {
			if sleep(ctx, d); ctx.Err() != nil {
				return Result{}, context.Cause(ctx)
			}
			if strings.Contains(l.Key, "bad") {
				return Result{}, fault.New(fault.Download, "read manifest", l.String(), errors.New("bad"), "")
			}
			return Result{Manifest: l, Done: strings.Contains(l.Key, "before"), Elapsed: d}, nil
		},
		meter: meter{metrics: opt.Metrics, progress: &Progress{}, limit: func() int { return 7 }},
	}
	return w, &log
}

type locked struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func naming(keys ...string) string {
	var records []string
	for _, k := range keys {
		records = append(records, fmt.Sprintf(`{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":%q}}}`, k))
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

// TestWorkMessages says what becomes of each kind of message.
func TestWorkMessages(t *testing.T) {
	for _, tt := range []struct {
		name, body, settled, logs string
		bundled                   int
	}{
		{"one manifest", naming("k"), "delete a", "", 1},
		{"plain", `{"Bucket":"b","Key":"k"}`, "delete a", "", 1},
		{"several", naming("1", "2", "3"), "delete a", "", 3},
		{"done before", naming("before"), "delete a", "archived before", 0},
		{"one of several fails", naming("1", "bad", "3"), "", `level=ERROR msg="gave up s3://b/bad"`, 2},
		{"unreadable", `<xml/>`, "", `level=ERROR msg="left a message alone"`, 0},
		{"test event", `{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}`, "delete a", "S3 has tested", 0},
		{"removed", strings.ReplaceAll(naming("k"), "ObjectCreated:Put", "ObjectRemoved:Delete"), "delete a", "ignored an event", 0},
		{"an archive's own", naming("archive/x.index"), "delete a", "level=WARN", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newFakeQueue(tt.body)
				bundled := 0
				w, log := fakeWorker(q, time.Second, QueueOptions{Messages: 1, Done: func(Result) { bundled++ }})
				if err := w.work(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
				if got := q.settled(); got != tt.settled {
					t.Errorf("%q, want %q", got, tt.settled)
				}
				if bundled != tt.bundled {
					t.Errorf("%d bundled, want %d", bundled, tt.bundled)
				}
				if !strings.Contains(log.String(), tt.logs) || tt.logs == "" && strings.Contains(log.String(), "ERROR") {
					t.Errorf("the log, which should hold %q, is\n%s", tt.logs, log)
				}
			})
		})
	}
}

// TestWorkDrains ends the context after 10 s, with 5 s of grace.
func TestWorkDrains(t *testing.T) {
	for _, tt := range []struct {
		name    string
		takes   time.Duration
		settled string
		end     time.Duration
	}{
		{"idle", 0, "", 10 * time.Second},
		{"work that ends within the grace", 14 * time.Second, "delete a", 14 * time.Second},
		{"work that does not", time.Hour, "extend a 0s", 15 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var q *fakeQueue
				if tt.takes > 0 {
					q = newFakeQueue(naming("k"), naming("never received"))
				} else {
					q = newFakeQueue()
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(10*time.Second, func() { cancel(errors.New("terminated")) })
				w, log := fakeWorker(q, tt.takes, QueueOptions{Grace: 5 * time.Second})
				if err := w.work(ctx, 1); err != nil {
					t.Error(err)
				}
				if got := time.Since(q.start); got != tt.end {
					t.Errorf("it ended after %v, want %v", got, tt.end)
				}
				if got := q.settled(); got != tt.settled {
					t.Errorf("%q, want %q", got, tt.settled)
				}
				if q.count("receive") != 1 {
					t.Errorf("%d receives, want 1", q.count("receive"))
				}
				if !strings.Contains(log.String(), "receiving no more messages") || !strings.Contains(log.String(), "terminated") {
					t.Errorf("the log is\n%s", log)
				}
			})
		})
	}
}

// TestWorkGivesUp loses the lease, or holds it for too long, and goes on.
func TestWorkGivesUp(t *testing.T) {
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		extend  error
		end     time.Duration
		logs    string
	}{
		{"SQS does not answer, 1 s", time.Second, errors.New("no route"), time.Second - time.Second/3, `level=WARN msg="lost a message`},
		{"SQS does not answer, 10 s", 10 * time.Second, errors.New("no route"), 10*time.Second - 10*time.Second/3, `level=WARN msg="lost a message`},
		{"somebody else has it", 30 * time.Second, queue.ErrLost, 10 * time.Second, `level=WARN msg="lost a message`},
		{"12 h", 12 * time.Hour, nil, queue.MaxHold - 5*time.Minute, `level=ERROR msg="gave a message up`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newFakeQueue(naming("k"), naming("before"))
				q.timeout = tt.timeout
				q.extend = func(time.Duration) error { return tt.extend }
				var ends []time.Duration
				w, log := fakeWorker(q, 0, QueueOptions{Messages: 2})
				w.bundle = func(ctx context.Context, l object.Location) (Result, error) {
					if l.Key == "k" {
						<-ctx.Done()
						ends = append(ends, time.Since(q.start))
					}
					return Result{Done: true}, context.Cause(ctx)
				}
				if err := w.work(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(ends, []time.Duration{tt.end}) {
					t.Errorf("the work ended after %v, want %v", ends, tt.end)
				}
				if got := q.settled(); got != "delete b" {
					t.Errorf("%q, want the second message deleted and nothing else", got)
				}
				if !strings.Contains(log.String(), tt.logs) {
					t.Errorf("the log lacks %q:\n%s", tt.logs, log)
				}
			})
		})
	}
}

// TestIdleCosts counts the calls of an hour without messages.
func TestIdleCosts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		poll   time.Duration
		failed error
		least  int
		most   int
	}{
		{"long polls", 20 * time.Second, nil, 180, 180},
		{"a server that does not wait", 0, nil, 3600, 3600},
		{"a queue that fails", 0, fault.New(fault.API, "ReceiveMessage", "queue q", errors.New("refused"), ""), 60, 70},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newFakeQueue()
				q.poll, q.failed = tt.poll, tt.failed
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour-time.Millisecond)
				defer cancel()
				w, _ := fakeWorker(q, 0, QueueOptions{})
				if err := w.work(ctx, 1); err != nil {
					t.Error(err)
				}
				if n := q.count(""); n < tt.least || n > tt.most {
					t.Errorf("%d calls in an hour, want %d to %d", n, tt.least, tt.most)
				}
			})
		})
	}
}

// TestFailuresSlowDown holds a worker on which everything fails to a pace that
// leaves the messages their receives.
func TestFailuresSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bodies := slices.Repeat([]string{naming("bad")}, 100)
		q := newFakeQueue(bodies...)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		w, _ := fakeWorker(q, time.Millisecond, QueueOptions{})
		if err := w.work(ctx, 1); err != nil {
			t.Error(err)
		}
		if n := q.count("receive"); n < 10 || n > 20 {
			t.Errorf("%d messages were tried in 10 minutes, want 10 to 20", n)
		}
		if got := q.settled(); got != "" {
			t.Errorf("%s: failed messages must be left alone", got)
		}
	})
}

func TestMessagesForEachWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue(slices.Repeat([]string{naming("k")}, 20)...)
		w, _ := fakeWorker(q, time.Second, QueueOptions{Messages: 2})
		if err := w.work(t.Context(), 3); err != nil {
			t.Error(err)
		}
		if n := q.count("delete"); n != 6 {
			t.Errorf("%d messages, want 2 for each of 3 workers", n)
		}
		if got := time.Since(q.start); got != 2*time.Second {
			t.Errorf("6 messages of 1 s took 3 workers %v", got)
		}
	})
}

// TestUnusableQueue ends all workers, and those with work in hand in good
// order.
func TestUnusableQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newFakeQueue(naming("k"))
		q.failed = fault.New(fault.Usage, "ReceiveMessage", "queue q", errors.New("gone"), "")
		w, _ := fakeWorker(q, 3*time.Second, QueueOptions{Grace: 5 * time.Second})
		if err := w.work(t.Context(), 2); fault.ExitCode(err) != 2 {
			t.Errorf("%v, want exit code 2", err)
		}
		if got := q.settled(); got != "delete a" {
			t.Errorf("%q, want the work in hand done", got)
		}
	})
}

// lateQueue gives a message out as its receiver ends.
type lateQueue struct {
	*fakeQueue
	cancel func()
}

func (q lateQueue) Receive(ctx context.Context) (queue.Message, bool, error) {
	q.cancel()
	return q.fakeQueue.Receive(ctx)
}

func TestMessageThatComesWithTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		q := lateQueue{newFakeQueue(naming("k")), cancel}
		w, _ := fakeWorker(q, time.Second, QueueOptions{Grace: time.Minute})
		if err := w.work(ctx, 1); err != nil {
			t.Error(err)
		}
		if got := q.settled(); got != "extend a 0s" {
			t.Errorf("%q, want it handed back", got)
		}
	})
}

func TestWorkMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		q := newFakeQueue(naming("k"), naming("before"))
		q.messages[1].ReceiveCount = 2
		w, _ := fakeWorker(q, 25*time.Second, QueueOptions{Messages: 2, Metrics: metrics.New(&out)})
		w.meter.progress.Fetch.Retries.Add(3)
		w.meter.progress.Fetch.Throttles.Add(2)
		w.meter.progress.Fetch.Errors.Add(4)
		if err := w.work(t.Context(), 1); err != nil {
			t.Error(err)
		}
		lines := strings.Split(out.String(), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d lines, want one of the manifest and one at the end:\n%s", len(lines)-1, out.String())
		}
		for i, wants := range [][]string{
			{`"Manifest":"s3://b/k"`, `"ManifestDuration":25,`, `"GetErrors":4,`, `"GetRetries":3,`, `"Throttles":2,`, `"GetsInFlightLimit":7,`, `"Renewals":2,`, `"Redeliveries":0,`},
			{`"GetErrors":0,`, `"Renewals":2,`, `"Redeliveries":1,`},
		} {
			for _, want := range wants {
				if !strings.Contains(lines[i], want) {
					t.Errorf("line %d lacks %s:\n%s", i+1, want, lines[i])
				}
			}
		}
	})
}
