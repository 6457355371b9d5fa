// Package queue hands over manifests to work on, held for as long as they are
// worked on.
package queue

import (
	"context"
	"errors"
	"time"
)

// MaxHold is how long SQS lets one receiver keep a message, however often its
// visibility timeout is extended. See "Amazon SQS visibility timeout" in the
// SQS Developer Guide.
const MaxHold = 12 * time.Hour

// ErrLost is wrapped by an error of Extend or Delete that says the message is
// no longer this receiver's, and is the cause of a held context's end when the
// message may be about to become visible to others.
var ErrLost = errors.New("message is no longer held")

// ErrTooLong is wrapped by an error of Extend that says that MaxHold would be
// passed, and is the cause of a held context's end shortly before it is.
var ErrTooLong = errors.New("message was held for almost 12 hours, the most SQS allows")

// Message is one delivery of a message. The same message, delivered again, has
// the same ID and another ReceiptHandle.
type Message struct {
	ID            string
	ReceiptHandle string
	Body          string
	// ReceiveCount is approximate and counts this delivery: 1 means that
	// nobody had the message before.
	ReceiveCount int
	// Received is when the queue's answer arrived. The visibility timeout
	// began a moment earlier, by what the network takes.
	Received time.Time
}

// Queue deals messages out to many receivers, each message at least once.
// Its methods may be called from many goroutines.
//
// Every error is a *fault.Error or wraps one, except that the end of ctx is
// returned as its cause.
type Queue interface {
	// Receive waits for one message, up to the 20 seconds of a long poll; ok
	// is false if none came. The message is invisible to others for
	// VisibilityTimeout from then on.
	Receive(ctx context.Context) (m Message, ok bool, err error)
	// Extend makes m invisible for by from now on, in whole seconds rounded
	// down; 0 makes it visible at once. The error wraps ErrLost if m is no
	// longer this receiver's, ErrTooLong if MaxHold forbids it.
	Extend(ctx context.Context, m Message, by time.Duration) error
	// Delete removes m for good. The error wraps ErrLost if m is no longer
	// this receiver's.
	Delete(ctx context.Context, m Message) error
	// VisibilityTimeout is a whole number of seconds, from 1 s to 12 h.
	VisibilityTimeout() time.Duration
}

// Depth is how many messages a queue has, as far as it knows: SQS counts
// approximately.
type Depth struct {
	// Visible messages wait for a receiver.
	Visible int
	// InFlight messages are with a receiver.
	InFlight int
	// Delayed messages are not delivered yet because they were sent so.
	Delayed int
}
