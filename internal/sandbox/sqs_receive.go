package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// sqsReceived is a message as a receiver gets it.
type sqsReceived struct {
	MessageID         string `json:"MessageId"`
	ReceiptHandle     string
	MD5OfBody         string
	Body              string
	Attributes        map[string]string `json:",omitempty"`
	MessageAttributes json.RawMessage   `json:",omitempty"`
}

type sqsReceiveIn struct {
	sqsTo
	AttributeNames              []string // the former name of the next
	MessageSystemAttributeNames []string
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int
	WaitTimeSeconds             *int
}

// receive waits for messages up to the wait time, as a long poll does. A
// client that goes away while it waits takes no message with it.
func (q *Queues) receive(ctx context.Context, body []byte) (any, error) {
	in, err := sqsDecode[sqsReceiveIn](body)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	from, err := q.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	most, err1 := sqsNumber("MaxNumberOfMessages", in.MaxNumberOfMessages, 1, 1, 10)
	visibility, err2 := sqsNumber("VisibilityTimeout", in.VisibilityTimeout, int(from.visibility/time.Second), 0, 43200)
	wait, err3 := sqsNumber("WaitTimeSeconds", in.WaitTimeSeconds, int(from.wait/time.Second), 0, 20)
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return nil, err
		}
	}
	taken := q.poll(ctx, from, most, time.Duration(visibility)*time.Second, time.Duration(wait)*time.Second)

	var out struct {
		Messages []sqsReceived `json:",omitempty"`
	}
	for _, m := range taken {
		out.Messages = append(out.Messages, sqsReceived{m.id, m.handle, m.md5, m.body,
			m.systemAttributes(append(in.AttributeNames, in.MessageSystemAttributeNames...)), m.attributes})
	}
	return out, nil
}

// poll is called and returns with q.mu held, and lets go of it while it waits.
func (q *Queues) poll(ctx context.Context, from *sqsQueue, most int, visibility, wait time.Duration) []*sqsMessage {
	deadline := time.Now().Add(wait)
	for ctx.Err() == nil {
		if taken := from.take(most, visibility); len(taken) > 0 {
			return taken
		}
		left := time.Until(deadline)
		if left <= 0 {
			break
		}
		changed, timer := from.changed, time.NewTimer(from.next(left))
		q.mu.Unlock()
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		q.mu.Lock()
	}
	return nil
}

// sqsNumber checks a parameter that may be absent.
func sqsNumber(name string, value *int, absent, least, most int) (int, error) {
	switch {
	case value == nil:
		return absent, nil
	case *value < least || *value > most:
		return 0, sqsInvalid(fmt.Sprintf("Value %d for parameter %s is invalid. Reason: Must be between %d and %d, if provided.", *value, name, least, most))
	}
	return *value, nil
}
