package sandbox

import (
	"math/rand/v2"
	"sync"
	"time"
)

// QueueCall is a request that may be made to fail.
type QueueCall struct {
	// Operation is SQS's name for it, such as DeleteMessage.
	Operation string
	// Queue is the queue's name; empty where the request names none.
	Queue string
}

// QueueFault is what becomes of a request. The zero value lets it pass.
type QueueFault struct {
	// Delay comes before everything else. It ends with the client's patience.
	Delay time.Duration
	// Fail is how the request is answered.
	Fail QueueFailure
	// Late lets the operation have its effect before the request fails, as
	// when an answer is lost on the way.
	Late bool
}

// QueueFailure is a way for a request to fail.
type QueueFailure int

// The ways to fail.
const (
	NoQueueFailure QueueFailure = iota
	// QueueThrottled answers RequestThrottled.
	QueueThrottled
	// QueueServerError answers 500.
	QueueServerError
	// QueueLostReceipt answers ReceiptHandleIsInvalid.
	QueueLostReceipt
	// QueueHangUp closes the connection without an answer.
	QueueHangUp
)

// SetFaults has decide say what becomes of every request from now on. It is
// called from many goroutines; nil ends all faults.
func (q *Queues) SetFaults(decide func(QueueCall) QueueFault) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.faults = decide
}

// QueueFaultRate is a fault that befalls a share of the requests.
type QueueFaultRate struct {
	// Operation is the operation it befalls; empty means all.
	Operation string
	// Share is from 0 to 1.
	Share float64
	Fault QueueFault
}

// SeededQueueFaults draws faults from a generator of its own, for SetFaults.
// The same seed gives the same sequence of draws; the first rate that applies
// and is drawn counts.
func SeededQueueFaults(seed uint64, rates ...QueueFaultRate) func(QueueCall) QueueFault {
	var mu sync.Mutex
	draw := rand.New(rand.NewPCG(seed, 0))
	return func(c QueueCall) QueueFault {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range rates {
			if (r.Operation == "" || r.Operation == c.Operation) && draw.Float64() < r.Share {
				return r.Fault
			}
		}
		return QueueFault{}
	}
}

func (f QueueFailure) err() *sqsError {
	switch f {
	case QueueThrottled:
		return &sqsError{"RequestThrottled", "RequestThrottled", 400, "The request was denied due to request throttling."}
	case QueueServerError:
		return &sqsError{"InternalError", "InternalError", 500, "We encountered an internal error. Please try again."}
	case QueueLostReceipt:
		return sqsHandleInvalid("")
	}
	return nil
}
