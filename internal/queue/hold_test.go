package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"s3bundler/internal/queue"
)

var errNetwork = errors.New("connection reset")

// fakeQueue answers the n-th Extend, from 0, with what extend says, and notes
// when each came.
type fakeQueue struct {
	queue.Queue
	timeout time.Duration
	extend  func(ctx context.Context, n int) error

	mu    sync.Mutex
	start time.Time
	calls []call
}

type call struct {
	at, by time.Duration
}

func (q *fakeQueue) VisibilityTimeout() time.Duration { return q.timeout }

func (q *fakeQueue) Extend(ctx context.Context, _ queue.Message, by time.Duration) error {
	q.mu.Lock()
	n := len(q.calls)
	q.calls = append(q.calls, call{time.Since(q.start), by})
	q.mu.Unlock()
	if q.extend == nil {
		return nil
	}
	return q.extend(ctx, n)
}

func (q *fakeQueue) seen() []call {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.calls)
}

func always(err error) func(context.Context, int) error {
	return func(context.Context, int) error { return err }
}

// after lets n renewals pass.
func after(n int, err error) func(context.Context, int) error {
	return func(_ context.Context, i int) error {
		if i < n {
			return nil
		}
		return err
	}
}

func hang(ctx context.Context, _ int) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// TestHoldEnds says for each way a lease can go when held ends, and why, if
// the work never ends by itself.
func TestHoldEnds(t *testing.T) {
	tests := []struct {
		name    string
		timeout time.Duration
		extend  func(context.Context, int) error
		want    time.Duration
		cause   error
	}{
		{"all renewals fail, 1 s", time.Second, always(errNetwork), time.Second - time.Second/3, queue.ErrLost},
		{"all renewals fail, 10 s", 10 * time.Second, always(errNetwork), 10*time.Second - 10*time.Second/3, queue.ErrLost},
		{"all renewals fail, 30 min", 30 * time.Minute, always(errNetwork), 20 * time.Minute, queue.ErrLost},
		{"renewals fail after the third", 30 * time.Second, after(3, errNetwork), 50 * time.Second, queue.ErrLost},
		{"renewals hang", 30 * time.Second, hang, 20 * time.Second, queue.ErrLost},
		{"the message is not ours any more", 30 * time.Second, after(2, fmt.Errorf("extend: %w", queue.ErrLost)), 30 * time.Second, queue.ErrLost},
		{"12 h pass, 1 s", time.Second, nil, 12*time.Hour - 5*time.Minute, queue.ErrTooLong},
		{"12 h pass, 10 s", 10 * time.Second, nil, 12*time.Hour - 5*time.Minute, queue.ErrTooLong},
		{"12 h pass, 7 h", 7 * time.Hour, nil, 12*time.Hour - 5*time.Minute, queue.ErrTooLong},
		{"12 h pass, 12 h", 12 * time.Hour, nil, 12*time.Hour - 5*time.Minute, queue.ErrTooLong},
		{"12 h pass, 12 h, the queue away", 12 * time.Hour, always(errNetwork), 12*time.Hour - 5*time.Minute, queue.ErrTooLong},
		{"the queue refuses earlier", 30 * time.Minute, after(4, fmt.Errorf("extend: %w", queue.ErrTooLong)), (40 + 30 - 10) * time.Minute, queue.ErrTooLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &fakeQueue{timeout: tt.timeout, extend: tt.extend, start: time.Now()}
				held, release := queue.Hold(t.Context(), q, queue.Message{ID: "m", Received: time.Now()})
				defer release()
				<-held.Done()
				if got := time.Since(q.start); got != tt.want {
					t.Errorf("held ended after %v, want %v", got, tt.want)
				}
				if cause := context.Cause(held); !errors.Is(cause, tt.cause) {
					t.Errorf("held ended with %v, want %v", cause, tt.cause)
				}
			})
		})
	}
}

// TestHoldNeverLapses runs a queue's own clock beside the lease: as long as
// held has not ended, the message must be invisible, and no renewal may ask
// for more than 12 hours in total.
func TestHoldNeverLapses(t *testing.T) {
	for _, timeout := range []time.Duration{1, 10, 30, 299, 3600, 6 * 3600, 11 * 3600, 12*3600 - 30, 12 * 3600} {
		timeout *= time.Second
		t.Run(timeout.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &fakeQueue{timeout: timeout, start: time.Now()}
				held, release := queue.Hold(t.Context(), q, queue.Message{Received: time.Now()})
				<-held.Done()
				release()
				end := timeout
				for _, c := range q.seen() {
					if c.at >= end {
						t.Fatalf("renewed after %v, when the message had been visible since %v", c.at, end)
					}
					end = c.at + c.by
					if end > queue.MaxHold {
						t.Fatalf("renewal after %v asks for %v: more than 12 hours in total", c.at, c.by)
					}
					if c.by != c.by.Truncate(time.Second) {
						t.Fatalf("renewal by %v: SQS takes whole seconds", c.by)
					}
				}
				if ended := time.Since(q.start); ended >= end {
					t.Errorf("held ended after %v, but the message was visible after %v", ended, end)
				}
			})
		})
	}
}

func TestHoldRenewsAtAThird(t *testing.T) {
	for _, timeout := range []time.Duration{time.Second, 10 * time.Second, 30 * time.Second, 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			q := &fakeQueue{timeout: timeout, start: time.Now()}
			renewed := 0
			held, release := queue.Hold(t.Context(), q, queue.Message{Received: time.Now()}, queue.Watch{Renewed: func() { renewed++ }})
			time.Sleep(timeout*2 + timeout/2)
			if held.Err() != nil {
				t.Fatalf("held ended: %v", context.Cause(held))
			}
			release()
			var want []call
			for i := range 7 {
				want = append(want, call{timeout / 3 * time.Duration(i+1), timeout})
			}
			if got := q.seen(); !slices.Equal(got, want) {
				t.Errorf("timeout %v: renewals %v, want %v", timeout, got, want)
			}
			if renewed != len(want) {
				t.Errorf("Watch.Renewed called %d times, want %d", renewed, len(want))
			}
		})
	}
}

// TestHoldSurvivesFailures lets every second renewal fail, in both ways a
// request can.
func TestHoldSurvivesFailures(t *testing.T) {
	for _, tt := range []struct {
		name string
		fail func(context.Context, int) error
		says string
	}{
		{"at once", always(errNetwork), "connection reset"},
		{"hanging", hang, "not renewed within"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &fakeQueue{timeout: 10 * time.Second, start: time.Now()}
				q.extend = func(ctx context.Context, n int) error {
					if n%2 == 0 {
						return tt.fail(ctx, n)
					}
					return nil
				}
				var renewed, failed int
				var last error
				held, release := queue.Hold(t.Context(), q, queue.Message{Received: time.Now()},
					queue.Watch{Renewed: func() { renewed++ }, Failed: func(err error) { failed, last = failed+1, err }})
				time.Sleep(time.Hour)
				if held.Err() != nil {
					t.Fatalf("held ended: %v", context.Cause(held))
				}
				release()
				if renewed == 0 || failed < renewed {
					t.Errorf("%d renewed, %d failed: every second one failed", renewed, failed)
				}
				if last == nil || !strings.Contains(last.Error(), tt.says) {
					t.Errorf("the failure is %v, want %q", last, tt.says)
				}
			})
		})
	}
}

func TestHoldEndsWithItsMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &fakeQueue{timeout: 30 * time.Second, extend: hang, start: time.Now()}
		held, release := queue.Hold(t.Context(), q, queue.Message{Received: time.Now()})
		time.Sleep(11 * time.Second) // a renewal is under way
		release()
		release()
		if held.Err() == nil {
			t.Error("held goes on after release")
		}
		if got := time.Since(q.start); got != 11*time.Second {
			t.Errorf("release returned after %v: it waited for a renewal that hangs", got)
		}
		calls := len(q.seen())
		time.Sleep(time.Hour)
		if got := len(q.seen()); got != calls {
			t.Errorf("%d renewals after release", got-calls)
		}
	})
}

func TestHoldEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &fakeQueue{timeout: 30 * time.Second, start: time.Now()}
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		held, release := queue.Hold(ctx, q, queue.Message{Received: time.Now()})
		defer release()
		cancel(stop)
		<-held.Done()
		if cause := context.Cause(held); cause != stop {
			t.Errorf("cause %v, want %v", cause, stop)
		}
		time.Sleep(time.Hour)
		if got := q.seen(); len(got) != 0 {
			t.Errorf("renewals after the end of ctx: %v", got)
		}
	})
}

// TestHoldCountsFromReceive starts late, as after a slow look at the message.
func TestHoldCountsFromReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &fakeQueue{timeout: 30 * time.Second, start: time.Now()}
		m := queue.Message{Received: time.Now()}
		time.Sleep(21 * time.Second)
		held, release := queue.Hold(t.Context(), q, m)
		defer release()
		synctest.Wait()
		if cause := context.Cause(held); !errors.Is(cause, queue.ErrLost) {
			t.Errorf("held with 9 of 30 seconds left ended with %v, want ErrLost", cause)
		}

		m.Received = time.Time{} // unknown: from now on
		held, release = queue.Hold(t.Context(), q, m)
		defer release()
		synctest.Wait()
		if held.Err() != nil {
			t.Errorf("held from now on ended: %v", context.Cause(held))
		}
	})
}
