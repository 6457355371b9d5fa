package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"s3bundler/internal/queue"
	"s3bundler/internal/sandbox"
)

func TestQueueFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, call := newSQS(t, nil)
		sqsSend(t, q, "hello")
		handle := call("ReceiveMessage", nil).Messages[0].ReceiptHandle

		var fault sandbox.QueueFault
		var seen []sandbox.QueueCall
		q.SetFaults(func(c sandbox.QueueCall) sandbox.QueueFault {
			seen = append(seen, c)
			return fault
		})
		tests := []struct {
			fault sandbox.QueueFault
			want  string
			left  queue.Depth
			after time.Duration
		}{
			{sandbox.QueueFault{Fail: sandbox.QueueThrottled}, "RequestThrottled", queue.Depth{InFlight: 1}, 0},
			{sandbox.QueueFault{Fail: sandbox.QueueServerError}, "InternalError", queue.Depth{InFlight: 1}, 0},
			{sandbox.QueueFault{Fail: sandbox.QueueLostReceipt, Delay: 2 * time.Second}, "ReceiptHandleIsInvalid", queue.Depth{InFlight: 1}, 2 * time.Second},
			{sandbox.QueueFault{Fail: sandbox.QueueServerError, Late: true}, "InternalError", queue.Depth{}, 0},
			{sandbox.QueueFault{}, "", queue.Depth{}, 0},
		}
		for _, tt := range tests {
			fault = tt.fault
			start := time.Now()
			if got := call("DeleteMessage", sqsParams{"ReceiptHandle": handle}).code(); got != tt.want || time.Since(start) != tt.after {
				t.Errorf("%+v: %q after %v, want %q after %v", tt.fault, got, time.Since(start), tt.want, tt.after)
			}
			wantSQSDepth(t, q, "work", tt.left)
		}
		if want := (sandbox.QueueCall{Operation: "DeleteMessage", Queue: "work"}); len(seen) != len(tests) || seen[0] != want {
			t.Errorf("calls %v, want %d times %v", seen, len(tests), want)
		}
		if got := q.Calls("DeleteMessage"); got != len(tests) {
			t.Errorf("%d DeleteMessage calls counted, want %d", got, len(tests))
		}
	})
}

func TestQueueHangUp(t *testing.T) {
	q, _ := newSQS(t, nil)
	q.SetFaults(func(sandbox.QueueCall) sandbox.QueueFault {
		return sandbox.QueueFault{Fail: sandbox.QueueHangUp, Late: true}
	})
	server := httptest.NewServer(q)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(`{"QueueUrl":"work","MessageBody":"hello"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	if resp, err := server.Client().Do(req); err == nil {
		resp.Body.Close()
		t.Errorf("status %d, want a broken connection", resp.StatusCode)
	}
	wantSQSDepth(t, q, "work", queue.Depth{Visible: 1})
}

func TestSeededQueueFaults(t *testing.T) {
	rates := []sandbox.QueueFaultRate{
		{Operation: "DeleteMessage", Share: 0.5, Fault: sandbox.QueueFault{Fail: sandbox.QueueServerError}},
		{Share: 0.1, Fault: sandbox.QueueFault{Fail: sandbox.QueueThrottled}},
	}
	draw := func(seed uint64, operation string) (drawn []sandbox.QueueFailure) {
		decide := sandbox.SeededQueueFaults(seed, rates...)
		for range 1000 {
			drawn = append(drawn, decide(sandbox.QueueCall{Operation: operation}).Fail)
		}
		return drawn
	}
	count := func(drawn []sandbox.QueueFailure, f sandbox.QueueFailure) (n int) {
		for _, d := range drawn {
			if d == f {
				n++
			}
		}
		return n
	}
	first := draw(1, "DeleteMessage")
	if !slices.Equal(first, draw(1, "DeleteMessage")) {
		t.Error("the same seed drew other faults")
	}
	if slices.Equal(first, draw(2, "DeleteMessage")) {
		t.Error("another seed drew the same faults")
	}
	if n := count(first, sandbox.QueueServerError); n < 400 || n > 600 {
		t.Errorf("%d of 1000 failed, want about half", n)
	}
	if n := count(draw(1, "SendMessage"), sandbox.QueueServerError); n != 0 {
		t.Errorf("%d faults on another operation", n)
	}
}
