package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"s3bundler/internal/queue"
)

// Queues is an SQS with standard queues: a handler for the AWS JSON 1.0
// protocol, and functions for tests to look behind it. Requests are told from
// others by their header X-Amz-Target: AmazonSQS.<operation>. Signatures are
// not checked. Its methods may be called from many goroutines.
//
// It is strict where SQS promises little: messages are delivered in the order
// they were sent, visibility is exact, and counts are not approximate.
type Queues struct {
	region, account string

	mu       sync.Mutex
	queues   map[string]*sqsQueue
	requests int
	calls    map[string]int
	faults   func(QueueCall) QueueFault
}

// QueueOptions are where the queues pretend to be. Empty fields get
// us-east-1 and 000000000000.
type QueueOptions struct {
	Region  string
	Account string
}

// NewQueues returns an SQS without queues.
func NewQueues(opt QueueOptions) *Queues {
	q := &Queues{region: opt.Region, account: opt.Account, queues: map[string]*sqsQueue{}, calls: map[string]int{}}
	if q.region == "" {
		q.region = "us-east-1"
	}
	if q.account == "" {
		q.account = "000000000000"
	}
	return q
}

// ARN is the queue's Amazon Resource Name, whether it is there or not.
func (q *Queues) ARN(name string) string {
	return "arn:aws:sqs:" + q.region + ":" + q.account + ":" + name
}

// Create makes a queue with attributes named as in the CreateQueue call. A
// queue of the same name and attributes may be there already.
func (q *Queues) Create(name string, attributes map[string]string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.create(name, attributes)
}

// Send puts a message on a queue, which may be named by its name, URL or ARN.
func (q *Queues) Send(name, body string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	to, err := q.find(name)
	if err != nil {
		return err
	}
	_, err = to.send(body, nil, to.delay)
	return err
}

// Depth counts the messages of a queue.
func (q *Queues) Depth(name string) (queue.Depth, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	of, err := q.find(name)
	if err != nil {
		return queue.Depth{}, err
	}
	return of.depth(), nil
}

// Bodies returns the bodies of all messages of a queue in the order they were
// sent, whether visible or not.
func (q *Queues) Bodies(name string) ([]string, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	of, err := q.find(name)
	if err != nil {
		return nil, err
	}
	var bodies []string
	for _, m := range of.messages {
		bodies = append(bodies, m.body)
	}
	return bodies, nil
}

// Calls counts the requests for an operation, such as ReceiveMessage, failed
// ones included.
func (q *Queues) Calls(operation string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.calls[operation]
}

func (q *Queues) create(name string, attributes map[string]string) error {
	if name == "" || strings.Trim(name, sqsNameCharacters) != "" || len(name) > 80 {
		return sqsInvalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	if old := q.queues[name]; old != nil {
		has, err := q.attributes(old, []string{"All"})
		if err != nil {
			return err
		}
		for key, value := range attributes {
			if has[key] != value {
				return &sqsError{"QueueNameExists", "QueueAlreadyExists", 400,
					"A queue already exists with the same name and a different value for attribute " + key}
			}
		}
		return nil
	}
	made := newSQSQueue(name)
	if err := q.set(made, attributes); err != nil {
		return err
	}
	q.queues[name] = made
	return nil
}

// find takes a queue's name, URL or ARN.
func (q *Queues) find(name string) (*sqsQueue, error) {
	if found := q.queues[name[strings.LastIndexAny(name, "/:")+1:]]; found != nil {
		return found, nil
	}
	return nil, &sqsError{"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400,
		fmt.Sprintf("The specified queue %q does not exist.", name)}
}

func (q *Queues) names(prefix string) []string {
	names := slices.Sorted(maps.Keys(q.queues))
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) })
}

const sqsNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
