package aws

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"s3bundler/internal/fault"
	"s3bundler/internal/queue"
)

const (
	// longPoll is the longest that SQS waits for a message. An idle worker
	// costs one call for each.
	longPoll = 20 * time.Second
	// queueTimeout bounds one attempt of any SQS call, so that a connection
	// that died without a word does not hold a worker for ever.
	queueTimeout = longPoll + 25*time.Second
)

// Queue is one SQS queue. It implements queue.Queue, and is safe for concurrent
// use.
type Queue struct {
	client      *sqs.Client
	url, name   string
	timeout     time.Duration
	deadLetters string
}

// OpenQueue finds a queue by its name, its URL or its ARN, and reads how long
// its messages are invisible. A queue that is not there or cannot be worked on
// is an error of kind Usage.
func OpenQueue(ctx context.Context, cfg Config, name string) (*Queue, error) {
	place, err := parseQueueName(name)
	if err != nil {
		return nil, unusableQueue(name, err, "give the queue's name, URL or ARN")
	}
	q := &Queue{client: newQueueClient(cfg, place), url: place.url, name: place.name}
	if q.url == "" {
		in := &sqs.GetQueueUrlInput{QueueName: &place.name}
		if place.account != "" {
			in.QueueOwnerAWSAccountId = &place.account
		}
		out, err := q.client.GetQueueUrl(ctx, in)
		if err != nil {
			return nil, q.fail(ctx, "GetQueueUrl", err)
		}
		q.url = awssdk.ToString(out.QueueUrl)
	}
	attributes, err := q.attributes(ctx, types.QueueAttributeNameVisibilityTimeout, types.QueueAttributeNameRedrivePolicy)
	if err != nil {
		return nil, err
	}
	seconds, err := strconv.Atoi(attributes[string(types.QueueAttributeNameVisibilityTimeout)])
	q.timeout = time.Duration(seconds) * time.Second
	if err != nil || q.timeout <= 0 || q.timeout > queue.MaxHold {
		return nil, unusableQueue(q.name, fmt.Errorf("its visibility timeout is %d s, so that every worker would get every message", seconds),
			"set the queue's VisibilityTimeout to some minutes")
	}
	q.deadLetters = deadLetterTarget(attributes[string(types.QueueAttributeNameRedrivePolicy)])
	return q, nil
}

func newQueueClient(cfg Config, place queuePlace) *sqs.Client {
	raw := cfg.sdk()
	return sqs.NewFromConfig(raw, func(o *sqs.Options) {
		if place.region != "" {
			o.Region = place.region
		}
		if o.BaseEndpoint == nil && place.endpoint != "" {
			o.BaseEndpoint = &place.endpoint
		}
		if h, ok := raw.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = h.WithTimeout(queueTimeout)
		}
		o.Retryer = newRetryer(raw.RetryMaxAttempts)
	})
}

// String is the queue's name.
func (q *Queue) String() string { return q.name }

// VisibilityTimeout is what the queue's was when it was opened. Receive asks
// for it, so that a later change of the queue's does no harm.
func (q *Queue) VisibilityTimeout() time.Duration { return q.timeout }

// DeadLetters is the ARN of the queue where messages go that were received too
// often; empty if there is none.
func (q *Queue) DeadLetters() string { return q.deadLetters }

// Receive implements queue.Queue. A message that arrives as ctx ends is
// returned all the same.
func (q *Queue) Receive(ctx context.Context) (m queue.Message, ok bool, err error) {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:                    &q.url,
		MaxNumberOfMessages:         1,
		WaitTimeSeconds:             int32(longPoll / time.Second),
		VisibilityTimeout:           int32(q.timeout / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount},
	})
	if err != nil {
		return queue.Message{}, false, q.fail(ctx, "ReceiveMessage", err)
	}
	if len(out.Messages) == 0 {
		return queue.Message{}, false, nil
	}
	got := out.Messages[0]
	// An attribute that is missing or no number leaves the count unknown, 0.
	count, _ := strconv.Atoi(got.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	return queue.Message{
		ID:            awssdk.ToString(got.MessageId),
		ReceiptHandle: awssdk.ToString(got.ReceiptHandle),
		Body:          awssdk.ToString(got.Body),
		ReceiveCount:  count,
		Received:      time.Now(),
	}, true, nil
}

// Extend implements queue.Queue.
func (q *Queue) Extend(ctx context.Context, m queue.Message, by time.Duration) error {
	_, err := q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl:          &q.url,
		ReceiptHandle:     &m.ReceiptHandle,
		VisibilityTimeout: int32(by / time.Second),
	})
	return q.fail(ctx, "ChangeMessageVisibility", err)
}

// Delete implements queue.Queue.
func (q *Queue) Delete(ctx context.Context, m queue.Message) error {
	_, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: &m.ReceiptHandle})
	return q.fail(ctx, "DeleteMessage", err)
}

// Send puts a message on the queue.
func (q *Queue) Send(ctx context.Context, body string) error {
	_, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: &body})
	return q.fail(ctx, "SendMessage", err)
}

// Depth counts the queue's messages, approximately.
func (q *Queue) Depth(ctx context.Context) (queue.Depth, error) {
	a, err := q.attributes(ctx, types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible, types.QueueAttributeNameApproximateNumberOfMessagesDelayed)
	if err != nil {
		return queue.Depth{}, err
	}
	var d queue.Depth
	for name, n := range map[types.QueueAttributeName]*int{
		types.QueueAttributeNameApproximateNumberOfMessages:           &d.Visible,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible: &d.InFlight,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed:    &d.Delayed,
	} {
		if *n, err = strconv.Atoi(a[string(name)]); err != nil {
			return queue.Depth{}, fault.New(fault.API, "GetQueueAttributes", "queue "+q.name, fmt.Errorf("%s: %w", name, err), "")
		}
	}
	return d, nil
}

func (q *Queue) attributes(ctx context.Context, names ...types.QueueAttributeName) (map[string]string, error) {
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: names})
	if err != nil {
		return nil, q.fail(ctx, "GetQueueAttributes", err)
	}
	return out.Attributes, nil
}

// fail says what the failure of op means: which of queue's errors it is, or
// that the queue is not there. Hints that are of S3's buckets and objects give
// way to those of queues.
func (q *Queue) fail(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	failed := fail(ctx, call{service: "sqs", op: op, where: "queue " + q.name, kind: fault.API}, err)
	var f *fault.Error
	a, answered := answerOf(err)
	if ctx.Err() != nil || !answered || !errors.As(failed, &f) {
		return failed
	}
	invalid := strings.HasPrefix(a.code, "InvalidParameterValue")
	switch {
	case strings.HasSuffix(a.code, "NonExistentQueue"), strings.HasSuffix(a.code, "QueueDoesNotExist"),
		strings.HasSuffix(a.code, "QueueDeletedRecently"), a.code == "InvalidAddress":
		f.Kind = fault.Usage
		f.Hint = "unusable queue: check its name, the region (" + q.client.Options().Region + ") and the account"
	case strings.HasSuffix(a.code, "ReceiptHandleIsInvalid"), strings.HasSuffix(a.code, "MessageNotInflight"),
		invalid && strings.Contains(a.message, "ReceiptHandle"):
		f.Err = fmt.Errorf("%w: %w", queue.ErrLost, f.Err)
		f.Hint = "another worker may have it; if this is often so, set the queue's VisibilityTimeout to some minutes"
	case invalid && strings.Contains(a.message, "Total VisibilityTimeout"):
		f.Err, f.Hint = fmt.Errorf("%w: %w", queue.ErrTooLong, f.Err), ""
	case strings.HasSuffix(a.code, "OverLimit"):
		f.Hint = "the queue has as many messages in flight as SQS allows: run fewer workers on it"
	case f.Throttled:
		f.Hint = "SQS asks for fewer requests: run fewer workers on this queue"
	case strings.HasPrefix(a.code, "Kms"), strings.HasPrefix(a.code, "KMS."):
		f.Hint = "check the KMS key that encrypts the queue's messages"
	}
	return failed
}
