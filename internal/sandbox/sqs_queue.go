package sandbox

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"s3bundler/internal/queue"
)

const (
	sqsMaxBody = 1 << 20
	sqsMaxHold = 12 * time.Hour
)

// sqsQueue is one queue. The mutex of its Queues guards it.
type sqsQueue struct {
	name              string
	settings          map[string]string // as set, by SQS's names
	created, modified time.Time

	visibility, wait, delay time.Duration
	deadLetters             *sqsQueue
	maxReceives             int

	messages []*sqsMessage // in the order they were sent
	// changed is closed, and replaced, when a message may have become visible
	// by other means than time.
	changed chan struct{}
}

type sqsMessage struct {
	id, body, md5 string
	attributes    json.RawMessage // MessageAttributes as sent
	sent          time.Time
	visible       time.Time // from when on

	receives      int
	firstReceived time.Time
	received      time.Time // the last time
	handle        string    // of the last receive; empty before the first
}

func newSQSQueue(name string) *sqsQueue {
	now := time.Now()
	return &sqsQueue{name: name, created: now, modified: now, settings: map[string]string{},
		visibility: 30 * time.Second, changed: make(chan struct{})}
}

func (q *sqsQueue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *sqsQueue) send(body string, attributes json.RawMessage, delay time.Duration) (*sqsMessage, error) {
	switch {
	case body == "":
		return nil, &sqsError{"MissingParameter", "MissingParameter", 400, "The request must contain the parameter MessageBody."}
	case len(body) > sqsMaxBody:
		return nil, sqsInvalid(fmt.Sprintf("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", sqsMaxBody))
	}
	now := time.Now()
	sum := md5.Sum([]byte(body))
	m := &sqsMessage{id: sqsID(), body: body, md5: hex.EncodeToString(sum[:]), attributes: attributes, sent: now, visible: now.Add(delay)}
	q.messages = append(q.messages, m)
	q.wake()
	return m, nil
}

// take delivers up to n visible messages and hides them for visibility. One
// that was received often enough goes to the dead-letter queue instead.
func (q *sqsQueue) take(n int, visibility time.Duration) []*sqsMessage {
	now := time.Now()
	var taken []*sqsMessage
	var dead []*sqsMessage
	for _, m := range q.messages {
		switch {
		case len(taken) == n || m.visible.After(now):
		case q.deadLetters != nil && m.receives >= q.maxReceives:
			dead = append(dead, m)
		default:
			m.receives++
			m.received = now
			if m.receives == 1 {
				m.firstReceived = now
			}
			m.visible = now.Add(visibility)
			m.handle = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s/%s/%d", q.name, m.id, m.receives))
			taken = append(taken, m)
		}
	}
	for _, m := range dead {
		q.remove(m)
		m.handle = ""
		q.deadLetters.messages = append(q.deadLetters.messages, m)
		q.deadLetters.wake()
	}
	return taken
}

// next is how long until a message becomes visible by itself; forever is the
// answer if none will.
func (q *sqsQueue) next(forever time.Duration) time.Duration {
	now := time.Now()
	for _, m := range q.messages {
		if until := m.visible.Sub(now); until < forever {
			forever = until
		}
	}
	return max(forever, 0)
}

func (q *sqsQueue) remove(m *sqsMessage) {
	q.messages = slices.DeleteFunc(q.messages, func(other *sqsMessage) bool { return other == m })
}

// byHandle finds the message that a receipt handle of this queue is about. It
// is nil if the message is gone; current is false if it was received again
// since.
func (q *sqsQueue) byHandle(handle string) (m *sqsMessage, current bool, err error) {
	text, err := base64.RawURLEncoding.DecodeString(handle)
	parts := strings.Split(string(text), "/")
	if err != nil || len(parts) != 3 || parts[0] != q.name {
		return nil, false, sqsHandleInvalid(handle)
	}
	for _, m := range q.messages {
		if m.id == parts[1] {
			return m, m.handle == handle, nil
		}
	}
	return nil, false, nil
}

// deleteMessage succeeds also for a message that is gone or received again,
// but deletes only with the latest receipt handle.
func (q *sqsQueue) deleteMessage(handle string) error {
	m, current, err := q.byHandle(handle)
	if current {
		q.remove(m)
	}
	return err
}

func (q *sqsQueue) changeVisibility(handle string, seconds int) error {
	now := time.Now()
	to := time.Duration(seconds) * time.Second
	m, current, err := q.byHandle(handle)
	switch {
	case err != nil:
		return err
	case to < 0 || to > sqsMaxHold:
		return sqsInvalid(fmt.Sprintf("Value %d for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.", seconds))
	case !current:
		return sqsInvalid("Value " + handle + " for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.")
	case !m.visible.After(now):
		return &sqsError{"MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", 400, "The specified message isn't in flight."}
	case now.Add(to).Sub(m.received) > sqsMaxHold:
		return sqsInvalid(fmt.Sprintf("Value %d for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]", seconds))
	}
	m.visible = now.Add(to)
	q.wake()
	return nil
}

func (q *sqsQueue) depth() queue.Depth {
	var d queue.Depth
	now := time.Now()
	for _, m := range q.messages {
		switch {
		case !m.visible.After(now):
			d.Visible++
		case m.handle != "":
			d.InFlight++
		default:
			d.Delayed++
		}
	}
	return d
}

func sqsID() string {
	var b [16]byte
	rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
