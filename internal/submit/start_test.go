package submit

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"s3bundler/internal/fault"
)

var (
	noRoom    = fault.New(fault.API, "RunTask", "t", fmt.Errorf("%w: RESOURCE:MEMORY", ErrCapacity), "")
	throttled = &fault.Error{Kind: fault.API, Op: "RunTask", Throttled: true, Err: errors.New("ThrottlingException")}
	refused   = fault.New(fault.API, "RunTask", "t", errors.New("ClusterNotFoundException"), "")
)

func TestStartKeepsOrderAndLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{latency: time.Second, run: func(n int, t Task) (string, error) {
			if n%7 == 0 {
				return "", refused
			}
			return arnOf(t), nil
		}}
		begun := time.Now()
		all, failed := reports(40), 0
		i := 0
		for s := range Start(t.Context(), c, Plan{}, all, Options{InFlight: 10}, quiet) {
			if s.Report != all[i] {
				t.Errorf("report %d is %v", i, s.Report)
			}
			if s.Err != nil {
				failed++
			} else if s.ARN != "arn:"+all[i].String() {
				t.Errorf("report %d got task %s", i, s.ARN)
			}
			i++
		}
		if i != 40 || failed != 5 {
			t.Errorf("%d yielded, %d failed", i, failed)
		}
		if c.most != 10 || time.Since(begun) != 4*time.Second {
			t.Errorf("at most %d in flight, %v", c.most, time.Since(begun))
		}
	})
}

func TestStartTriesAgain(t *testing.T) {
	tests := []struct {
		name     string
		fails    []error
		patience time.Duration
		calls    int
		min, max time.Duration // that it takes
		err      error
	}{
		{"room after three attempts", []error{noRoom, noRoom, noRoom}, time.Hour, 4, 7 * time.Second, 14 * time.Second, nil},
		{"throttled once", []error{throttled}, time.Hour, 2, time.Second, 2 * time.Second, nil},
		{"patience over", []error{noRoom, noRoom, noRoom, noRoom, noRoom}, 5 * time.Second, -1, 0, 5 * time.Second, noRoom},
		{"no patience", []error{noRoom}, 0, 1, 0, 0, noRoom},
		{"refused for good", []error{refused}, time.Hour, 1, 0, 0, refused},
		{"refused after room was waited for", []error{noRoom, refused}, time.Hour, 2, time.Second, 2 * time.Second, refused},
		{"delays are bounded", []error{noRoom, noRoom, noRoom, noRoom, noRoom, noRoom, noRoom, noRoom, noRoom, noRoom}, time.Hour, 11,
			(1 + 2 + 4 + 8 + 6*15) * time.Second, (2 + 4 + 8 + 16 + 6*30) * time.Second, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &cluster{run: func(n int, t Task) (string, error) {
					if n <= len(tt.fails) {
						return "", tt.fails[n-1]
					}
					return arnOf(t), nil
				}}
				begun := time.Now()
				for s := range Start(t.Context(), c, Plan{}, reports(1), Options{InFlight: 3, Patience: tt.patience}, quiet) {
					if !errors.Is(s.Err, tt.err) || (s.ARN == "") != (tt.err != nil) {
						t.Errorf("got %q, %v; want error %v", s.ARN, s.Err, tt.err)
					}
				}
				if took := time.Since(begun); took < tt.min || took > tt.max {
					t.Errorf("took %v, want %v to %v", took, tt.min, tt.max)
				}
				if tt.calls >= 0 && c.calls != tt.calls {
					t.Errorf("%d calls, want %d", c.calls, tt.calls)
				}
			})
		})
	}
}

func TestStartEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("told to stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		c := &cluster{run: func(n int, t Task) (string, error) {
			if n == 1 {
				return arnOf(t), nil
			}
			return "", noRoom
		}}
		time.AfterFunc(time.Minute, func() { cancel(cause) })
		begun := time.Now()
		started, stopped := 0, 0
		for s := range Start(ctx, c, Plan{}, reports(30), Options{InFlight: 4, Patience: time.Hour}, quiet) {
			if s.Err == nil {
				started++
			} else if errors.Is(s.Err, cause) {
				stopped++
			}
		}
		if started != 1 || stopped != 29 || time.Since(begun) != time.Minute {
			t.Errorf("%d started, %d stopped, after %v", started, stopped, time.Since(begun))
		}
	})
}

func TestStartBrokenOff(t *testing.T) {
	// synctest fails the test if a goroutine is left behind.
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{latency: time.Second, run: func(_ int, t Task) (string, error) { return arnOf(t), nil }}
		for range Start(t.Context(), c, Plan{}, reports(30), Options{InFlight: 4}, quiet) {
			break
		}
		if c.calls > 8 {
			t.Errorf("%d calls after the consumer has gone", c.calls)
		}
	})
}
