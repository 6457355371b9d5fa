package aws_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"s3bundler/internal/aws"
	"s3bundler/internal/queue"
	"s3bundler/internal/sandbox"
)

// queueServer is an SQS to hold to the same suite as every other.
type queueServer struct {
	endpoint string
	raw      *sqs.Client
	// strict servers answer as the API reference says where moto does not:
	// a receipt handle counts only while its message is in flight and was not
	// received again, and a poll that is cancelled takes no message.
	strict bool
}

// TestQueueConformance holds the servers that the other tests rely on, and the
// Queue in front of them, to what SQS promises.
func TestQueueConformance(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	servers := []struct {
		name   string
		start  func(*testing.T) string
		strict bool
	}{
		{"sandbox", startSandboxQueues, true},
		{"moto", startMoto, false},
	}
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			s := queueServer{endpoint: server.start(t), strict: server.strict}
			raw, err := config.LoadDefaultConfig(t.Context(), config.WithBaseEndpoint(s.endpoint))
			if err != nil {
				t.Fatal(err)
			}
			s.raw = sqs.NewFromConfig(raw)
			for _, test := range []struct {
				name string
				run  func(*testing.T, queueServer)
			}{
				{"receive", testReceive},
				{"names", testQueueNames},
				{"visibility", testVisibility},
				{"extend", testExtend},
				{"twelve hours", testTwelveHours},
				{"long poll", testLongPoll},
				{"delete", testDelete},
				{"invalid handles", testInvalidHandles},
				{"redrive", testRedrive},
				{"hold", testHoldOnServer},
			} {
				t.Run(test.name, func(t *testing.T) { test.run(t, s) })
			}
			if s.strict {
				t.Run("strict handles", func(t *testing.T) { testStrictHandles(t, s) })
				t.Run("cancelled poll", func(t *testing.T) { testCancelledPoll(t, s) })
			}
		})
	}
}

func startSandboxQueues(t *testing.T) string {
	server := httptest.NewServer(sandbox.NewQueues(sandbox.QueueOptions{Account: "123456789012"}))
	t.Cleanup(server.Close)
	return server.URL
}

// startMoto runs moto_server until the test ends.
func startMoto(t *testing.T) string {
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not installed: the suite runs on the sandbox alone")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "-H", "127.0.0.1", "-p", "0")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("moto_server does not start: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed, so always an error
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, url, found := strings.Cut(lines.Text(), "Running on "); found {
			go func() { // it must not block on a full pipe
				for lines.Scan() {
				}
			}()
			return strings.TrimSpace(url)
		}
	}
	t.Skipf("moto_server ended before it served: %v", lines.Err())
	return ""
}

// create makes a queue of the test's own.
func (s queueServer) create(t *testing.T, suffix string, attributes map[string]string) (name string) {
	t.Helper()
	name = strings.NewReplacer("/", "-", " ", "-").Replace(strings.TrimPrefix(t.Name(), "TestQueueConformance/")) + suffix
	_, err := s.raw.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func (s queueServer) open(t *testing.T, name string) *aws.Queue {
	t.Helper()
	cfg, err := aws.Load(t.Context(), aws.Settings{EndpointURL: s.endpoint})
	if err != nil {
		t.Fatal(err)
	}
	q, err := aws.OpenQueue(t.Context(), cfg, name)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// made creates and opens a queue with a visibility timeout in seconds.
func (s queueServer) made(t *testing.T, seconds int) *aws.Queue {
	t.Helper()
	return s.open(t, s.create(t, "", map[string]string{"VisibilityTimeout": fmt.Sprint(seconds)}))
}

// visible receives without waiting, and says how many messages came.
func (s queueServer) visible(t *testing.T, q *aws.Queue, waitSeconds int32) int {
	t.Helper()
	url, err := s.raw.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: awssdk.String(q.String())})
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.raw.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url.QueueUrl, WaitTimeSeconds: waitSeconds})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Messages)
}

func mustSend(t *testing.T, q *aws.Queue, body string) {
	t.Helper()
	if err := q.Send(t.Context(), body); err != nil {
		t.Fatal(err)
	}
}

func mustReceive(t *testing.T, q *aws.Queue) queue.Message {
	t.Helper()
	m, ok, err := q.Receive(t.Context())
	if err != nil || !ok {
		t.Fatalf("no message: %v, %v", ok, err)
	}
	return m
}

func mustExtend(t *testing.T, q *aws.Queue, m queue.Message, by time.Duration) {
	t.Helper()
	if err := q.Extend(t.Context(), m, by); err != nil {
		t.Fatal(err)
	}
}

func wantDepth(t *testing.T, q *aws.Queue, want queue.Depth) {
	t.Helper()
	if got, err := q.Depth(t.Context()); err != nil || got != want {
		t.Errorf("depth %+v, %v; want %+v", got, err, want)
	}
}

func testReceive(t *testing.T, s queueServer) {
	q := s.made(t, 30)
	for _, body := range []string{`{"Bucket":"b","Key":"k"}`, "ünïcode \t\n \"quoted\" <&>", strings.Repeat("x", 200<<10)} {
		mustSend(t, q, body)
		before := time.Now()
		m := mustReceive(t, q)
		if m.Body != body {
			t.Errorf("body %.40q, sent %.40q", m.Body, body)
		}
		if m.ID == "" || m.ReceiptHandle == "" || m.ReceiveCount != 1 || m.Received.Before(before) || m.Received.After(time.Now()) {
			t.Errorf("message %+v", m)
		}
		if err := q.Delete(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if got := q.VisibilityTimeout(); got != 30*time.Second {
		t.Errorf("visibility timeout %v, want 30 s", got)
	}
}

func testQueueNames(t *testing.T, s queueServer) {
	name := s.create(t, "", nil)
	mustSend(t, s.open(t, name), "hello")
	for _, by := range []string{name, s.endpoint + "/123456789012/" + name, "arn:aws:sqs:us-east-1:123456789012:" + name} {
		q := s.open(t, by)
		if q.String() != name {
			t.Errorf("%s: name %q", by, q)
		}
		wantDepth(t, q, queue.Depth{Visible: 1})
	}
}

func testVisibility(t *testing.T, s queueServer) {
	q := s.made(t, 1)
	mustSend(t, q, "hello")
	wantDepth(t, q, queue.Depth{Visible: 1})
	first := mustReceive(t, q)
	wantDepth(t, q, queue.Depth{InFlight: 1})
	second := mustReceive(t, q) // waits until the first timed out
	if second.ID != first.ID || second.ReceiveCount != 2 || second.ReceiptHandle == first.ReceiptHandle {
		t.Errorf("delivered again as %+v, first as %+v", second, first)
	}
	mustExtend(t, q, second, 0)
	if third := mustReceive(t, q); third.ReceiveCount != 3 {
		t.Errorf("receive count %d after it was given back, want 3", third.ReceiveCount)
	}
}

func testExtend(t *testing.T, s queueServer) {
	q := s.made(t, 1)
	mustSend(t, q, "hello")
	m := mustReceive(t, q)
	mustExtend(t, q, m, time.Minute)
	if n := s.visible(t, q, 2); n != 0 {
		t.Error("the message was visible before the minute that it was extended by")
	}
	mustExtend(t, q, m, time.Second)
	if n := s.visible(t, q, 5); n != 1 {
		t.Error("the message did not become visible after the second that it was extended by")
	}
}

func testTwelveHours(t *testing.T, s queueServer) {
	q := s.made(t, 30)
	mustSend(t, q, "hello")
	m := mustReceive(t, q)
	if err := q.Extend(t.Context(), m, queue.MaxHold); !errors.Is(err, queue.ErrTooLong) {
		t.Errorf("12 hours on top: %v, want ErrTooLong", err)
	}
	mustExtend(t, q, m, queue.MaxHold-time.Minute)
}

func testLongPoll(t *testing.T, s queueServer) {
	q := s.made(t, 30)
	type received struct {
		m   queue.Message
		ok  bool
		err error
	}
	got := make(chan received, 1)
	go func() {
		m, ok, err := q.Receive(t.Context())
		got <- received{m, ok, err}
	}()
	mustSend(t, q, "hello") // before or while Receive waits
	if r := <-got; r.err != nil || !r.ok || r.m.Body != "hello" {
		t.Errorf("%+v", r)
	}
}

func testDelete(t *testing.T, s queueServer) {
	q := s.made(t, 1)
	mustSend(t, q, "hello")
	m := mustReceive(t, q)
	for range 2 { // an answer may be lost, so that it is asked again
		if err := q.Delete(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	wantDepth(t, q, queue.Depth{})
	if err := q.Extend(t.Context(), m, time.Second); !errors.Is(err, queue.ErrLost) {
		t.Errorf("extend a deleted message: %v, want ErrLost", err)
	}
}

func testInvalidHandles(t *testing.T, s queueServer) {
	q := s.made(t, 30)
	nonsense := queue.Message{ReceiptHandle: "nonsense"}
	if err := q.Extend(t.Context(), nonsense, time.Second); !errors.Is(err, queue.ErrLost) {
		t.Errorf("extend: %v, want ErrLost", err)
	}
	if err := q.Delete(t.Context(), nonsense); !errors.Is(err, queue.ErrLost) {
		t.Errorf("delete: %v, want ErrLost", err)
	}
}

func testStrictHandles(t *testing.T, s queueServer) {
	q := s.made(t, 1)
	mustSend(t, q, "hello")
	first := mustReceive(t, q)
	second := mustReceive(t, q)
	if err := q.Extend(t.Context(), first, time.Second); !errors.Is(err, queue.ErrLost) {
		t.Errorf("extend by an earlier receive: %v, want ErrLost", err)
	}
	mustExtend(t, q, second, 0)
	if err := q.Extend(t.Context(), second, time.Second); !errors.Is(err, queue.ErrLost) {
		t.Errorf("extend a visible message: %v, want ErrLost", err)
	}
}

func testCancelledPoll(t *testing.T, s queueServer) {
	q := s.made(t, 30)
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	got := make(chan error, 1)
	go func() {
		_, _, err := q.Receive(ctx)
		got <- err
	}()
	cancel(stop)
	if err := <-got; err != stop {
		t.Errorf("a cancelled Receive: %v, want the cause", err)
	}
	mustSend(t, q, "hello")
	mustReceive(t, q)
}

func testRedrive(t *testing.T, s queueServer) {
	dead := s.create(t, "-dead", nil)
	arn := "arn:aws:sqs:us-east-1:123456789012:" + dead
	q := s.open(t, s.create(t, "", map[string]string{
		"VisibilityTimeout": "30",
		"RedrivePolicy":     fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":"2"}`, arn),
	}))
	if q.DeadLetters() != arn {
		t.Fatalf("dead letters go to %q, want %q", q.DeadLetters(), arn)
	}
	mustSend(t, q, "poison")
	for range 2 {
		mustExtend(t, q, mustReceive(t, q), 0)
	}
	if n := s.visible(t, q, 0); n != 0 {
		t.Error("received for the third time, though two are allowed")
	}
	if m := mustReceive(t, s.open(t, q.DeadLetters())); m.Body != "poison" {
		t.Errorf("in the dead-letter queue: %q", m.Body)
	}
	wantDepth(t, q, queue.Depth{})
}

// testHoldOnServer holds a message longer than its timeout.
func testHoldOnServer(t *testing.T, s queueServer) {
	q := s.made(t, 1)
	mustSend(t, q, "hello")
	m := mustReceive(t, q)
	held, release := queue.Hold(t.Context(), q, m)
	if n := s.visible(t, q, 3); n != 0 {
		t.Error("the message was visible while it was held")
	}
	if held.Err() != nil {
		t.Errorf("held ended: %v", context.Cause(held))
	}
	release()
	if err := q.Delete(t.Context(), m); err != nil {
		t.Error(err)
	}
	wantDepth(t, q, queue.Depth{})
}
