package aws

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/smithy-go"
)

func TestDelay(t *testing.T) {
	for _, tt := range []struct {
		attempt   int
		throttled bool
		want      time.Duration // at most
	}{
		{1, false, 100 * time.Millisecond},
		{2, false, 200 * time.Millisecond},
		{7, false, 6400 * time.Millisecond},
		{9, false, 20 * time.Second},
		{100, false, 20 * time.Second},
		{1, true, 500 * time.Millisecond},
		{3, true, 2 * time.Second},
	} {
		if got := delay(tt.attempt, tt.throttled, 1); got != tt.want {
			t.Errorf("after attempt %d, throttled %t: %s, want %s", tt.attempt, tt.throttled, got, tt.want)
		}
		if got := delay(tt.attempt, tt.throttled, 0); got != 0 {
			t.Errorf("with no spread: %s, want 0", got)
		}
	}
}

func TestRetryer(t *testing.T) {
	r := newRetryer(5, "ConditionalRequestConflict")
	if got := r.MaxAttempts(); got != 5 {
		t.Errorf("%d attempts, want 5", got)
	}
	for code, want := range map[string]bool{
		"SlowDown": true, "RequestTimeout": true, "ConditionalRequestConflict": true,
		"AccessDenied": false, "NoSuchKey": false, "PreconditionFailed": false,
	} {
		if got := r.IsErrorRetryable(&smithy.GenericAPIError{Code: code}); got != want {
			t.Errorf("%s: retryable %t, want %t", code, got, want)
		}
	}
	if r.IsErrorRetryable(errors.New("anything")) {
		t.Error("an error of no known kind is retried")
	}
	for range 100 {
		if d, err := r.RetryDelay(1, &smithy.GenericAPIError{Code: "SlowDown"}); err != nil || d >= throttleDelay {
			t.Fatalf("delay %s, error %v", d, err)
		}
	}
}
