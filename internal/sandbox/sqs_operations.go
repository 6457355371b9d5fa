package sandbox

import (
	"encoding/json"
	"net/http"
	"time"
)

// operate carries out one operation. Requests and answers are those of the
// Amazon SQS API Reference.
func (q *Queues) operate(r *http.Request, operation string, body []byte) (any, error) {
	if operation == "ReceiveMessage" {
		return q.receive(r.Context(), body) // locks for itself, as it may wait
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch operation {
	case "CreateQueue":
		return q.createQueue(r, body)
	case "GetQueueUrl":
		return q.getQueueURL(r, body)
	case "ListQueues":
		return q.listQueues(r, body)
	case "GetQueueAttributes":
		return q.getQueueAttributes(body)
	case "SetQueueAttributes":
		return q.setQueueAttributes(body)
	case "PurgeQueue":
		return q.purgeQueue(body)
	case "SendMessage":
		return q.sendMessage(body)
	case "DeleteMessage":
		return q.deleteMessage(body)
	case "ChangeMessageVisibility":
		return q.changeMessageVisibility(body)
	case "SendMessageBatch":
		return q.sendMessageBatch(body)
	case "DeleteMessageBatch":
		return q.deleteMessageBatch(body)
	case "ChangeMessageVisibilityBatch":
		return q.changeMessageVisibilityBatch(body)
	}
	return nil, &sqsError{"UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400, "no operation " + operation}
}

// sqsDecode reads a request.
func sqsDecode[T any](body []byte) (request T, err error) {
	if err := json.Unmarshal(body, &request); err != nil {
		return request, &sqsError{"SerializationException", "MalformedInput", 400, err.Error()}
	}
	return request, nil
}

// sqsDecodeFor reads a request and finds the queue it is for.
func sqsDecodeFor[T interface{ queueURL() string }](q *Queues, body []byte) (request T, of *sqsQueue, err error) {
	if request, err = sqsDecode[T](body); err == nil {
		of, err = q.find(request.queueURL())
	}
	return request, of, err
}

// sqsTo is the member of all requests for one queue.
type sqsTo struct {
	QueueURL string `json:"QueueUrl"`
}

func (t sqsTo) queueURL() string { return t.QueueURL }

type sqsNothing struct{}

type sqsURL struct {
	QueueURL string `json:"QueueUrl"`
}

func (q *Queues) url(r *http.Request, name string) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host + "/" + q.account + "/" + name
}

func (q *Queues) createQueue(r *http.Request, body []byte) (any, error) {
	in, err := sqsDecode[struct {
		QueueName  string
		Attributes map[string]string
	}](body)
	if err == nil {
		err = q.create(in.QueueName, in.Attributes)
	}
	return sqsURL{q.url(r, in.QueueName)}, err
}

func (q *Queues) getQueueURL(r *http.Request, body []byte) (any, error) {
	in, err := sqsDecode[struct{ QueueName string }](body)
	if err == nil {
		_, err = q.find(in.QueueName)
	}
	return sqsURL{q.url(r, in.QueueName)}, err
}

func (q *Queues) listQueues(r *http.Request, body []byte) (any, error) {
	in, err := sqsDecode[struct{ QueueNamePrefix string }](body)
	var out struct {
		QueueURLs []string `json:"QueueUrls"`
	}
	for _, name := range q.names(in.QueueNamePrefix) {
		out.QueueURLs = append(out.QueueURLs, q.url(r, name))
	}
	return out, err
}

func (q *Queues) getQueueAttributes(body []byte) (any, error) {
	in, of, err := sqsDecodeFor[struct {
		sqsTo
		AttributeNames []string
	}](q, body)
	if err != nil {
		return nil, err
	}
	var out struct{ Attributes map[string]string }
	out.Attributes, err = q.attributes(of, in.AttributeNames)
	return out, err
}

func (q *Queues) setQueueAttributes(body []byte) (any, error) {
	in, of, err := sqsDecodeFor[struct {
		sqsTo
		Attributes map[string]string
	}](q, body)
	if err == nil {
		err = q.set(of, in.Attributes)
	}
	return sqsNothing{}, err
}

func (q *Queues) purgeQueue(body []byte) (any, error) {
	_, of, err := sqsDecodeFor[sqsTo](q, body)
	if err == nil {
		of.messages = nil
	}
	return sqsNothing{}, err
}

// sqsMessageIn is a message to send, alone or in a batch.
type sqsMessageIn struct {
	MessageBody       string
	DelaySeconds      *int
	MessageAttributes json.RawMessage
}

// sqsMessageOut is what a sender is told.
type sqsMessageOut struct {
	ID               string `json:"Id,omitempty"` // in a batch
	MessageID        string `json:"MessageId"`
	MD5OfMessageBody string
}

func (m sqsMessageIn) send(to *sqsQueue) (sqsMessageOut, error) {
	delay := to.delay
	if m.DelaySeconds != nil {
		delay = time.Duration(*m.DelaySeconds) * time.Second
	}
	if delay < 0 || delay > 15*time.Minute {
		return sqsMessageOut{}, sqsInvalid("Value for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.")
	}
	sent, err := to.send(m.MessageBody, m.MessageAttributes, delay)
	if err != nil {
		return sqsMessageOut{}, err
	}
	return sqsMessageOut{MessageID: sent.id, MD5OfMessageBody: sent.md5}, nil
}

func (q *Queues) sendMessage(body []byte) (any, error) {
	in, to, err := sqsDecodeFor[struct {
		sqsTo
		sqsMessageIn
	}](q, body)
	if err != nil {
		return nil, err
	}
	return in.send(to)
}

func (q *Queues) deleteMessage(body []byte) (any, error) {
	in, of, err := sqsDecodeFor[struct {
		sqsTo
		ReceiptHandle string
	}](q, body)
	if err == nil {
		err = of.deleteMessage(in.ReceiptHandle)
	}
	return sqsNothing{}, err
}

func (q *Queues) changeMessageVisibility(body []byte) (any, error) {
	in, of, err := sqsDecodeFor[struct {
		sqsTo
		ReceiptHandle     string
		VisibilityTimeout int
	}](q, body)
	if err == nil {
		err = of.changeVisibility(in.ReceiptHandle, in.VisibilityTimeout)
	}
	return sqsNothing{}, err
}
