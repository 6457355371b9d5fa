package submit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"s3bundler/internal/fault"
)

// follow collects what Follow yields, one line each.
func follow(ctx context.Context, c *cluster, arns ...string) (lines []string, err error) {
	for change, e := range Follow(ctx, c, "c", arns) {
		if e != nil {
			return lines, e
		}
		line := change.ARN + " " + change.Last
		if change.Err != nil {
			line = change.ARN + " " + change.Err.Error()
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		life := func(arn string, pending, stopped time.Duration) Status {
			switch age := time.Since(begun); {
			case age < pending:
				return Status{ARN: arn, Last: "PENDING"}
			case age < stopped:
				return Status{ARN: arn, Last: "RUNNING"}
			default:
				return Status{ARN: arn, Last: "STOPPED", Exits: map[string]int{"g": 0}}
			}
		}
		c := &cluster{describe: func(arns []string) ([]Status, error) {
			var all []Status
			for _, arn := range arns {
				switch arn {
				case "a":
					all = append(all, life(arn, time.Minute, time.Hour))
				case "b":
					all = append(all, life(arn, 0, time.Second))
				}
			}
			return all, nil
		}}
		got, err := follow(t.Context(), c, "a", "b")
		want := []string{"a PENDING", "b RUNNING", "b STOPPED", "a RUNNING", "a STOPPED"}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
		if took := time.Since(begun); took != time.Hour {
			t.Errorf("took %v", took)
		}
	})
}

func TestFollowUnknownTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		c := &cluster{describe: func([]string) ([]Status, error) { return nil, nil }}
		got, err := follow(t.Context(), c, "a")
		if err != nil || !slices.Equal(got, []string{"a " + ErrUnknown.Error()}) {
			t.Errorf("got %q, %v", got, err)
		}
		if took := time.Since(begun); took < grace || took > grace+Poll {
			t.Errorf("took %v", took)
		}
	})
}

func TestFollowAsksForFewAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []int
		c := &cluster{describe: func(arns []string) ([]Status, error) {
			asked = append(asked, len(arns))
			var all []Status
			for _, arn := range arns {
				all = append(all, Status{ARN: arn, Last: "STOPPED"})
			}
			return all, nil
		}}
		var arns []string
		for i := range 230 {
			arns = append(arns, fmt.Sprint(i))
		}
		got, err := follow(t.Context(), c, arns...)
		if err != nil || len(got) != 230 || !slices.Equal(asked, []int{100, 100, 30}) {
			t.Errorf("%d ends, %v, asked for %v", len(got), err, asked)
		}
	})
}

func TestFollowErrors(t *testing.T) {
	broken := errors.New("connection refused")
	denied := &fault.Error{Kind: fault.API, RequestID: "r", Err: errors.New("AccessDeniedException")}
	tests := []struct {
		name string
		err  error
		n    int // failures before an answer
		want error
		wait time.Duration
	}{
		{"a short outage", broken, 10, nil, 10 * Poll},
		{"throttling", throttled, 10, nil, 10 * Poll},
		{"a long outage", broken, 1000, broken, grace + Poll},
		{"a refusal", denied, 1000, denied, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun, calls := time.Now(), 0
				c := &cluster{describe: func([]string) ([]Status, error) {
					if calls++; calls <= tt.n {
						return nil, tt.err
					}
					return []Status{{ARN: "a", Last: "STOPPED"}}, nil
				}}
				_, err := follow(t.Context(), c, "a")
				if !errors.Is(err, tt.want) || (tt.want != nil && fault.KindOf(err) != fault.API) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(begun); took != tt.wait {
					t.Errorf("took %v, want %v", took, tt.wait)
				}
			})
		})
	}
}

func TestFollowEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("told to stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		begun := time.Now()
		c := &cluster{describe: func([]string) ([]Status, error) { return []Status{{ARN: "a", Last: "RUNNING"}}, nil }}
		_, err := follow(ctx, c, "a")
		if !errors.Is(err, cause) || time.Since(begun) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(begun))
		}
	})
}
