package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"s3bundler/internal/queue"
	"s3bundler/internal/sandbox"
)

// sqsReply has the members of all answers that these tests look at.
type sqsReply struct {
	Type       string   `json:"__type"`
	Message    string   `json:"message"`
	QueueURL   string   `json:"QueueUrl"`
	QueueURLs  []string `json:"QueueUrls"`
	Attributes map[string]string
	Messages   []struct {
		MessageID                      string `json:"MessageId"`
		ReceiptHandle, MD5OfBody, Body string
		Attributes                     map[string]string
	}
	Successful []struct {
		ID string `json:"Id"`
	}
	Failed []struct {
		ID   string `json:"Id"`
		Code string
	}
}

// code is that of an error, without its namespace.
func (r sqsReply) code() string { return strings.TrimPrefix(r.Type, "com.amazonaws.sqs#") }

type sqsParams map[string]any

// sqsCall makes one request without a network, so that it can wait in a
// synctest bubble.
func sqsCall(ctx context.Context, t *testing.T, q *sandbox.Queues, operation string, in sqsParams) (r sqsReply, status int) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://sqs.test/", bytes.NewReader(body))
	req.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	w := httptest.NewRecorder()
	q.ServeHTTP(w, req)
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v in %s", operation, err, w.Body)
		}
	}
	return r, w.Code
}

// newSQS gives an SQS with the queue "work" and a function for calls on it.
func newSQS(t *testing.T, attributes map[string]string) (*sandbox.Queues, func(operation string, in sqsParams) sqsReply) {
	t.Helper()
	q := sandbox.NewQueues(sandbox.QueueOptions{})
	if err := q.Create("work", attributes); err != nil {
		t.Fatal(err)
	}
	return q, func(operation string, in sqsParams) sqsReply {
		t.Helper()
		all := sqsParams{"QueueUrl": "http://sqs.test/000000000000/work"}
		for name, value := range in {
			all[name] = value
		}
		r, _ := sqsCall(t.Context(), t, q, operation, all)
		return r
	}
}

func sqsSend(t *testing.T, q *sandbox.Queues, body string) {
	t.Helper()
	if err := q.Send("work", body); err != nil {
		t.Fatal(err)
	}
}

func wantSQSDepth(t *testing.T, q *sandbox.Queues, name string, want queue.Depth) {
	t.Helper()
	if got, err := q.Depth(name); err != nil || got != want {
		t.Errorf("depth of %s is %+v, %v; want %+v", name, got, err, want)
	}
}

func TestSQSLongPollWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, call := newSQS(t, map[string]string{"VisibilityTimeout": "10"})
		start := time.Now()
		if r := call("ReceiveMessage", sqsParams{"WaitTimeSeconds": 20}); len(r.Messages) != 0 || time.Since(start) != 20*time.Second {
			t.Errorf("empty queue: %d messages after %v", len(r.Messages), time.Since(start))
		}

		start = time.Now()
		time.AfterFunc(3*time.Second, func() { sqsSend(t, q, "hello") })
		r := call("ReceiveMessage", sqsParams{"WaitTimeSeconds": 20})
		if len(r.Messages) != 1 || time.Since(start) != 3*time.Second {
			t.Fatalf("a message sent: %d messages after %v, want 1 after 3 s", len(r.Messages), time.Since(start))
		}
		first := r.Messages[0]

		start = time.Now()
		r = call("ReceiveMessage", sqsParams{"WaitTimeSeconds": 20, "AttributeNames": []string{"All"}})
		if len(r.Messages) != 1 || time.Since(start) != 10*time.Second {
			t.Fatalf("a message that times out: %d messages after %v, want 1 after 10 s", len(r.Messages), time.Since(start))
		}
		second := r.Messages[0]
		if second.MessageID != first.MessageID || second.ReceiptHandle == first.ReceiptHandle || second.Attributes["ApproximateReceiveCount"] != "2" {
			t.Errorf("delivered again as %+v, first as %+v", second, first)
		}

		start = time.Now()
		time.AfterFunc(time.Second, func() {
			call("ChangeMessageVisibility", sqsParams{"ReceiptHandle": second.ReceiptHandle, "VisibilityTimeout": 0})
		})
		r = call("ReceiveMessage", sqsParams{"WaitTimeSeconds": 20})
		if len(r.Messages) != 1 || time.Since(start) != time.Second {
			t.Errorf("a message given back: %d messages after %v, want 1 after 1 s", len(r.Messages), time.Since(start))
		}
	})
}

func TestSQSCancelledPollTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, _ := newSQS(t, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r, _ := sqsCall(ctx, t, q, "ReceiveMessage", sqsParams{"QueueUrl": "work", "WaitTimeSeconds": 20})
		if len(r.Messages) != 0 {
			t.Fatal("a message from an empty queue")
		}
		sqsSend(t, q, "hello")
		wantSQSDepth(t, q, "work", queue.Depth{Visible: 1})
		sqsCall(ctx, t, q, "ReceiveMessage", sqsParams{"QueueUrl": "work"})
		wantSQSDepth(t, q, "work", queue.Depth{Visible: 1})
	})
}

func TestSQSEachMessageToOnePoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, call := newSQS(t, nil)
		got := make(chan int, 8)
		for range cap(got) {
			go func() { got <- len(call("ReceiveMessage", sqsParams{"WaitTimeSeconds": 5}).Messages) }()
		}
		synctest.Wait()
		for i := range 3 {
			sqsSend(t, q, fmt.Sprint(i))
		}
		total := 0
		for range cap(got) {
			total += <-got
		}
		if total != 3 {
			t.Errorf("8 polls got %d messages of 3", total)
		}
		wantSQSDepth(t, q, "work", queue.Depth{InFlight: 3})
	})
}

func TestSQSVisibility(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, call := newSQS(t, map[string]string{"VisibilityTimeout": "30"})
		sqsSend(t, q, "hello")
		handle := call("ReceiveMessage", nil).Messages[0].ReceiptHandle
		change := func(handle string, seconds int) sqsReply {
			return call("ChangeMessageVisibility", sqsParams{"ReceiptHandle": handle, "VisibilityTimeout": seconds})
		}

		time.Sleep(30 * time.Second)
		if got := change(handle, 30).code(); got != "MessageNotInflight" {
			t.Errorf("a message that timed out: %q, want MessageNotInflight", got)
		}
		newer := call("ReceiveMessage", nil).Messages[0].ReceiptHandle
		if r := change(handle, 30); r.code() != "InvalidParameterValue" || !strings.Contains(r.Message, "not available for visibility timeout change") {
			t.Errorf("a handle of an earlier receive: %q %s", r.code(), r.Message)
		}
		if r := call("DeleteMessage", sqsParams{"ReceiptHandle": handle}); r.code() != "" {
			t.Errorf("delete with a handle of an earlier receive: %q, want success", r.code())
		}
		wantSQSDepth(t, q, "work", queue.Depth{InFlight: 1}) // but nothing is deleted

		if got := change(newer, 43201).code(); got != "InvalidParameterValue" {
			t.Errorf("more than 12 hours at once: %q", got)
		}
		if got := change(newer, 43200).code(); got != "" {
			t.Errorf("12 hours: %q, want success", got)
		}
		time.Sleep(6 * time.Hour)
		if r := change(newer, 6*3600+1); r.code() != "InvalidParameterValue" || !strings.Contains(r.Message, "Total VisibilityTimeout") {
			t.Errorf("more than 12 hours in total: %q %s", r.code(), r.Message)
		}
		if got := change(newer, 6*3600).code(); got != "" {
			t.Errorf("12 hours in total: %q, want success", got)
		}
		if got := change("nonsense", 1).code(); got != "ReceiptHandleIsInvalid" {
			t.Errorf("nonsense for a handle: %q", got)
		}
		call("DeleteMessage", sqsParams{"ReceiptHandle": newer})
		wantSQSDepth(t, q, "work", queue.Depth{})
		if r := change(newer, 1); r.code() != "InvalidParameterValue" {
			t.Errorf("a deleted message: %q", r.code())
		}
	})
}

func TestSQSRedrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, call := newSQS(t, map[string]string{"VisibilityTimeout": "10"})
		if err := q.Create("dead", nil); err != nil {
			t.Fatal(err)
		}
		policy := fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":"2"}`, q.ARN("dead"))
		if r := call("SetQueueAttributes", sqsParams{"Attributes": sqsParams{"RedrivePolicy": policy}}); r.code() != "" {
			t.Fatal(r.Message)
		}
		sqsSend(t, q, "poison")
		for range 2 {
			if n := len(call("ReceiveMessage", nil).Messages); n != 1 {
				t.Fatalf("%d messages, want 1", n)
			}
			time.Sleep(10 * time.Second)
		}
		if n := len(call("ReceiveMessage", nil).Messages); n != 0 {
			t.Errorf("%d messages for the third time, want none", n)
		}
		wantSQSDepth(t, q, "work", queue.Depth{})
		wantSQSDepth(t, q, "dead", queue.Depth{Visible: 1})
		if bodies, err := q.Bodies("dead"); err != nil || len(bodies) != 1 || bodies[0] != "poison" {
			t.Errorf("in the dead-letter queue: %q, %v", bodies, err)
		}
	})
}

func TestSQSDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, call := newSQS(t, nil)
		call("SendMessage", sqsParams{"MessageBody": "later", "DelaySeconds": 7})
		wantSQSDepth(t, q, "work", queue.Depth{Delayed: 1})
		start := time.Now()
		if n := len(call("ReceiveMessage", sqsParams{"WaitTimeSeconds": 20}).Messages); n != 1 || time.Since(start) != 7*time.Second {
			t.Errorf("%d messages after %v, want 1 after 7 s", n, time.Since(start))
		}
	})
}

func TestSQSBatch(t *testing.T) {
	q, call := newSQS(t, nil)
	r := call("SendMessageBatch", sqsParams{"Entries": []sqsParams{{"Id": "a", "MessageBody": "1"}, {"Id": "b"}, {"Id": "c", "MessageBody": "3"}}})
	if len(r.Successful) != 2 || len(r.Failed) != 1 || r.Failed[0].ID != "b" || r.Failed[0].Code != "MissingParameter" {
		t.Errorf("send: %+v", r)
	}
	r = call("ReceiveMessage", sqsParams{"MaxNumberOfMessages": 10})
	if len(r.Messages) != 2 {
		t.Fatalf("%d messages, want 2", len(r.Messages))
	}
	r = call("ChangeMessageVisibilityBatch", sqsParams{"Entries": []sqsParams{
		{"Id": "a", "ReceiptHandle": r.Messages[0].ReceiptHandle, "VisibilityTimeout": 0}, {"Id": "b", "ReceiptHandle": "?"}}})
	if len(r.Successful) != 1 || len(r.Failed) != 1 || r.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Errorf("change: %+v", r)
	}
	wantSQSDepth(t, q, "work", queue.Depth{Visible: 1, InFlight: 1})
	handle := call("ReceiveMessage", nil).Messages[0].ReceiptHandle
	r = call("DeleteMessageBatch", sqsParams{"Entries": []sqsParams{{"Id": "a", "ReceiptHandle": handle}}})
	if len(r.Successful) != 1 {
		t.Errorf("delete: %+v", r)
	}
	wantSQSDepth(t, q, "work", queue.Depth{InFlight: 1})
	if got := call("DeleteMessageBatch", sqsParams{"Entries": []sqsParams{}}).code(); got != "EmptyBatchRequest" {
		t.Errorf("an empty batch: %q", got)
	}
	if got := call("SendMessageBatch", sqsParams{"Entries": []sqsParams{{"Id": "a"}, {"Id": "a"}}}).code(); got != "BatchEntryIdsNotDistinct" {
		t.Errorf("an ID twice: %q", got)
	}
}

func TestSQSErrors(t *testing.T) {
	tests := []struct {
		operation string
		in        sqsParams
		want      string
	}{
		{"GetQueueUrl", sqsParams{"QueueName": "none"}, "QueueDoesNotExist"},
		{"ReceiveMessage", sqsParams{"QueueUrl": "http://sqs.test/000000000000/none"}, "QueueDoesNotExist"},
		{"SendMessage", sqsParams{}, "MissingParameter"},
		{"SendMessage", sqsParams{"MessageBody": strings.Repeat("x", 1<<20+1)}, "InvalidParameterValue"},
		{"SendMessage", sqsParams{"MessageBody": "x", "DelaySeconds": 901}, "InvalidParameterValue"},
		{"SendMessage", sqsParams{"MessageBody": 1}, "SerializationException"},
		{"ReceiveMessage", sqsParams{"MaxNumberOfMessages": 11}, "InvalidParameterValue"},
		{"ReceiveMessage", sqsParams{"WaitTimeSeconds": 21}, "InvalidParameterValue"},
		{"ReceiveMessage", sqsParams{"VisibilityTimeout": -1}, "InvalidParameterValue"},
		{"SetQueueAttributes", sqsParams{"Attributes": sqsParams{"VisibilityTimeout": "43201"}}, "InvalidAttributeValue"},
		{"SetQueueAttributes", sqsParams{"Attributes": sqsParams{"Colour": "red"}}, "InvalidAttributeName"},
		{"SetQueueAttributes", sqsParams{"Attributes": sqsParams{"RedrivePolicy": "x"}}, "InvalidParameterValue"},
		{"SetQueueAttributes", sqsParams{"Attributes": sqsParams{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:none","maxReceiveCount":2}`}}, "InvalidParameterValue"},
		{"SetQueueAttributes", sqsParams{"Attributes": sqsParams{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:work","maxReceiveCount":0}`}}, "InvalidParameterValue"},
		{"GetQueueAttributes", sqsParams{"AttributeNames": []string{"Colour"}}, "InvalidAttributeName"},
		{"CreateQueue", sqsParams{"QueueName": "a/b"}, "InvalidParameterValue"},
		{"CreateQueue", sqsParams{"QueueName": "work", "Attributes": sqsParams{"VisibilityTimeout": "7"}}, "QueueNameExists"},
		{"AddPermission", sqsParams{}, "UnsupportedOperation"},
	}
	_, call := newSQS(t, nil)
	for _, tt := range tests {
		if r := call(tt.operation, tt.in); r.code() != tt.want {
			t.Errorf("%s %.80v: %q %s, want %q", tt.operation, tt.in, r.code(), r.Message, tt.want)
		}
	}
}

func TestSQSErrorHeader(t *testing.T) {
	q := sandbox.NewQueues(sandbox.QueueOptions{})
	req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"QueueName":"none"}`))
	req.Header.Set("X-Amz-Target", "AmazonSQS.GetQueueUrl")
	w := httptest.NewRecorder()
	q.ServeHTTP(w, req)
	if got := w.Header().Get("X-Amzn-Query-Error"); w.Code != 400 || got != "AWS.SimpleQueueService.NonExistentQueue;Sender" {
		t.Errorf("status %d, header %q", w.Code, got)
	}
	w = httptest.NewRecorder()
	q.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 400 {
		t.Errorf("a request that is not for SQS: status %d, want 400", w.Code)
	}
}

func TestSQSManageQueues(t *testing.T) {
	q, call := newSQS(t, map[string]string{"VisibilityTimeout": "7"})
	if r := call("CreateQueue", sqsParams{"QueueName": "work", "Attributes": sqsParams{"VisibilityTimeout": "7"}}); r.QueueURL != "http://sqs.test/000000000000/work" {
		t.Errorf("a queue created again: %+v", r)
	}
	call("CreateQueue", sqsParams{"QueueName": "other"})
	if r := call("ListQueues", nil); len(r.QueueURLs) != 2 {
		t.Errorf("queues %v, want other and work", r.QueueURLs)
	}
	if r := call("ListQueues", sqsParams{"QueueNamePrefix": "w"}); len(r.QueueURLs) != 1 {
		t.Errorf("queues %v, want work", r.QueueURLs)
	}
	sqsSend(t, q, "hello")
	r := call("GetQueueAttributes", sqsParams{"AttributeNames": []string{"VisibilityTimeout", "ApproximateNumberOfMessages", "RedrivePolicy"}})
	if len(r.Attributes) != 2 || r.Attributes["VisibilityTimeout"] != "7" || r.Attributes["ApproximateNumberOfMessages"] != "1" {
		t.Errorf("attributes %v", r.Attributes)
	}
	if r := call("GetQueueAttributes", sqsParams{"AttributeNames": []string{"All"}}); r.Attributes["QueueArn"] != q.ARN("work") {
		t.Errorf("all attributes: %v", r.Attributes)
	}
	call("PurgeQueue", nil)
	wantSQSDepth(t, q, "work", queue.Depth{})
}
