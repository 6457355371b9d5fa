package aws_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"s3bundler/internal/aws"
	"s3bundler/internal/fault"
	"s3bundler/internal/queue"
	"s3bundler/internal/sandbox"
)

// sandboxQueue opens the queue "work" of a sandbox of its own.
func sandboxQueue(t *testing.T) (*sandbox.Queues, *aws.Queue) {
	t.Helper()
	q, cfg := sandboxQueues(t)
	if err := q.Create("work", nil); err != nil {
		t.Fatal(err)
	}
	work, err := aws.OpenQueue(t.Context(), cfg, "work")
	if err != nil {
		t.Fatal(err)
	}
	return q, work
}

func sandboxQueues(t *testing.T) (*sandbox.Queues, aws.Config) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	q := sandbox.NewQueues(sandbox.QueueOptions{})
	server := httptest.NewServer(q)
	t.Cleanup(server.Close)
	cfg, err := aws.Load(t.Context(), aws.Settings{EndpointURL: server.URL, Region: "eu-central-1"})
	if err != nil {
		t.Fatal(err)
	}
	return q, cfg
}

func TestOpenQueueRefuses(t *testing.T) {
	q, cfg := sandboxQueues(t)
	if err := q.Create("instant", map[string]string{"VisibilityTimeout": "0"}); err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{
		"none":                "the region (eu-central-1)",
		"":                    "no queue is named",
		"a/b":                 "no slash",
		"instant":             "visibility timeout is 0 s",
		"arn:aws:s3:::bucket": "not that of an SQS queue",
		"arn:aws:sqs:us-east-1:000000000000:none": "the region (us-east-1)",
		"https://": "names no queue",
		"https://sqs.eu-west-1.amazonaws.com/1/none": "the region (eu-west-1)",
	} {
		_, err := aws.OpenQueue(t.Context(), cfg, name)
		if err == nil {
			t.Errorf("%q: no error", name)
			continue
		}
		if fault.ExitCode(err) != 2 || !strings.Contains(err.Error(), "unusable queue") || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: exit code %d, %v; want 2 and %q", name, fault.ExitCode(err), err, says)
		}
	}
}

// TestQueueSurvives lets the first attempts of every call fail.
func TestQueueSurvives(t *testing.T) {
	faults := map[string]sandbox.QueueFault{
		"throttled":                   {Fail: sandbox.QueueThrottled},
		"server error":                {Fail: sandbox.QueueServerError},
		"server error after the deed": {Fail: sandbox.QueueServerError, Late: true},
		"connection closed":           {Fail: sandbox.QueueHangUp},
	}
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			q, work := sandboxQueue(t)
			var calls atomic.Int64
			q.SetFaults(func(c sandbox.QueueCall) sandbox.QueueFault {
				if calls.Add(1)%2 == 1 {
					return f
				}
				return sandbox.QueueFault{}
			})
			mustSend(t, work, "hello")
			if f.Late {
				mustSend(t, work, "hello") // as the first one is hidden by a lost answer
			}
			m := mustReceive(t, work)
			mustExtend(t, work, m, time.Minute)
			if err := work.Delete(t.Context(), m); err != nil {
				t.Error(err)
			}
			if _, err := work.Depth(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestQueueErrors(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	q, work := sandboxQueue(t)
	m := queue.Message{ReceiptHandle: "x"}
	tests := []struct {
		name      string
		failure   sandbox.QueueFailure
		lost      bool
		throttled bool
		hint      string
	}{
		{"throttled", sandbox.QueueThrottled, false, true, "SQS asks for fewer requests: run fewer workers on this queue"},
		{"server error", sandbox.QueueServerError, false, false, ""},
		{"lost receipt", sandbox.QueueLostReceipt, true, false,
			"another worker may have it; if this is often so, set the queue's VisibilityTimeout to some minutes"},
		{"connection closed", sandbox.QueueHangUp, false, false, "check the network and --endpoint-url"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q.SetFaults(func(sandbox.QueueCall) sandbox.QueueFault { return sandbox.QueueFault{Fail: tt.failure} })
			for op, err := range map[string]error{
				"ChangeMessageVisibility": work.Extend(t.Context(), m, time.Second),
				"DeleteMessage":           work.Delete(t.Context(), m),
			} {
				if err == nil {
					t.Errorf("%s: no error", op)
					continue
				}
				if fault.KindOf(err) != fault.API || fault.Throttled(err) != tt.throttled || errors.Is(err, queue.ErrLost) != tt.lost {
					t.Errorf("kind %d, throttled %v, lost %v: %v", fault.KindOf(err), fault.Throttled(err), errors.Is(err, queue.ErrLost), err)
				}
				var f *fault.Error
				if !errors.As(err, &f) || f.Hint != tt.hint {
					t.Errorf("%v; want hint %q", err, tt.hint)
				}
				if !strings.HasPrefix(err.Error(), op+" queue work: ") {
					t.Errorf("%q does not begin with operation and queue", err)
				}
				if tt.failure != sandbox.QueueHangUp && !strings.Contains(err.Error(), "(request sandbox-sqs-") {
					t.Errorf("%q has no request ID", err)
				}
			}
		})
	}
}

// TestQueueHints: what is said of S3's buckets and objects does not help where
// a queue refuses.
func TestQueueHints(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	sandboxQueues(t) // for its credentials
	for _, tt := range []struct {
		status     int
		code, says string
		hint       string
	}{
		{400, "InvalidParameterValue", "Total VisibilityTimeout for the message is beyond the limit", ""},
		{400, "OverLimit", "m", "the queue has as many messages in flight as SQS allows: run fewer workers on it"},
		{400, "KmsAccessDenied", "m", "check the KMS key that encrypts the queue's messages"},
		{400, "KMS.DisabledException", "m", "check the KMS key that encrypts the queue's messages"},
		{400, "AccessDeniedException", "m", "allow sqs:ChangeMessageVisibility in the caller's IAM policy and in the resource's own policy"},
		{403, "", "", "it is not SQS that answers: check --endpoint-url and proxies"},
		{404, "", "", "it is not SQS that answers: check --endpoint-url and proxies"},
	} {
		t.Run(fmt.Sprint(tt.status, tt.code), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/x-amz-json-1.0")
				if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetQueueAttributes") {
					fmt.Fprint(w, `{"Attributes":{"VisibilityTimeout":"30"}}`)
					return
				}
				w.WriteHeader(tt.status)
				if tt.code != "" {
					fmt.Fprintf(w, `{"__type":"com.amazonaws.sqs#%s","message":%q}`, tt.code, tt.says)
				}
			}))
			defer server.Close()
			cfg, err := aws.Load(t.Context(), aws.Settings{EndpointURL: server.URL, Region: "eu-central-1"})
			if err != nil {
				t.Fatal(err)
			}
			q, err := aws.OpenQueue(t.Context(), cfg, server.URL+"/000000000000/work")
			if err != nil {
				t.Fatal(err)
			}
			err = q.Extend(t.Context(), queue.Message{ReceiptHandle: "x"}, time.Second)
			var f *fault.Error
			if !errors.As(err, &f) || f.Hint != tt.hint || f.Reason != "" {
				t.Errorf("%v; want hint %q", err, tt.hint)
			}
		})
	}
}

// TestQueueIdleCost counts the calls of a worker that waits.
func TestQueueIdleCost(t *testing.T) {
	q, work := sandboxQueue(t)
	polled := make(chan struct{}, 8)
	q.SetFaults(func(c sandbox.QueueCall) sandbox.QueueFault {
		if c.Operation == "ReceiveMessage" {
			polled <- struct{}{}
		}
		return sandbox.QueueFault{}
	})
	go func() {
		<-polled
		_ = q.Send("work", "hello") // a failure shows in mustReceive
	}()
	mustReceive(t, work)
	if n := q.Calls("ReceiveMessage"); n != 1 {
		t.Errorf("%d calls while it waited, want 1", n)
	}
}
