package sandbox_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"s3bundler/internal/sandbox"
)

// FuzzQueues sends anything at all: the answer is JSON, and never an internal
// error.
func FuzzQueues(f *testing.F) {
	f.Add("CreateQueue", `{"QueueName":"other","Attributes":{"VisibilityTimeout":"7"}}`)
	f.Add("SetQueueAttributes", `{"QueueUrl":"work","Attributes":{"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:work\",\"maxReceiveCount\":1}"}}`)
	f.Add("ReceiveMessage", `{"QueueUrl":"http://h/1/work","MaxNumberOfMessages":10,"AttributeNames":["All"]}`)
	f.Add("DeleteMessage", `{"QueueUrl":"work","ReceiptHandle":"d29yay8xLzE"}`)
	f.Add("ChangeMessageVisibilityBatch", `{"QueueUrl":"work","Entries":[{"Id":"a","ReceiptHandle":"x","VisibilityTimeout":-1}]}`)
	f.Add("SendMessageBatch", `{"QueueUrl":"work","Entries":[{"Id":"a","MessageBody":"b","DelaySeconds":1,"MessageAttributes":{}}]}`)
	f.Fuzz(func(t *testing.T, operation, body string) {
		q := sandbox.NewQueues(sandbox.QueueOptions{})
		if err := q.Create("work", nil); err != nil {
			t.Fatal(err)
		}
		sqsSend(t, q, "hello")
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // no poll shall wait
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(body))
		r.Header["X-Amz-Target"] = []string{"AmazonSQS." + operation}
		w := httptest.NewRecorder()
		q.ServeHTTP(w, r)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s: status %d, %s", operation, body, w.Code, w.Body)
		}
	})
}
