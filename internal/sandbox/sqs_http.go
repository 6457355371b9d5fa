package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// sqsError is an error as SQS sends it. See "Common errors" and each
// operation's errors in the Amazon SQS API Reference.
type sqsError struct {
	code    string // of the JSON protocol
	query   string // of the older query protocol, sent in a header
	status  int
	message string
}

func (e *sqsError) Error() string { return e.code + ": " + e.message }

func sqsInvalid(message string) *sqsError {
	return &sqsError{"InvalidParameterValue", "InvalidParameterValue", 400, message}
}

func sqsHandleInvalid(handle string) *sqsError {
	return &sqsError{"ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 400,
		fmt.Sprintf("The input receipt handle %q is not a valid receipt handle.", handle)}
}

// ServeHTTP answers one SQS request.
func (q *Queues) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2*sqsMaxBody))
	if err != nil {
		sqsAnswer(w, nil, sqsInvalid("the request cannot be read: "+err.Error()))
		return
	}
	operation, isSQS := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	call := QueueCall{Operation: operation, Queue: sqsQueueOf(body)}
	request, fault := q.begin(call)
	w.Header().Set("X-Amzn-Requestid", request)
	if !isSQS || r.Method != http.MethodPost {
		sqsAnswer(w, nil, &sqsError{"InvalidAction", "InvalidAction", 400, "no X-Amz-Target: AmazonSQS.<operation> in a POST"})
		return
	}
	if !sqsPause(r.Context(), fault.Delay) {
		return
	}
	failure := fault.Fail.err()
	var answer any
	if fault.Fail == NoQueueFailure || fault.Late {
		answer, err = q.operate(r, operation, body)
	}
	switch {
	case fault.Fail == QueueHangUp:
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close() // the client must not find out why
		}
		return
	case failure != nil:
		err = failure
	}
	sqsAnswer(w, answer, err)
}

// begin counts a request, names it and says what becomes of it.
func (q *Queues) begin(c QueueCall) (id string, f QueueFault) {
	q.mu.Lock()
	q.requests++
	q.calls[c.Operation]++
	id = fmt.Sprintf("sandbox-sqs-%d", q.requests)
	faults := q.faults
	q.mu.Unlock()
	if faults != nil {
		f = faults(c)
	}
	return id, f
}

func sqsQueueOf(body []byte) string {
	var to struct {
		QueueName string
		QueueURL  string `json:"QueueUrl"`
	}
	if json.Unmarshal(body, &to) != nil {
		return ""
	}
	if to.QueueName != "" {
		return to.QueueName
	}
	return to.QueueURL[strings.LastIndexByte(to.QueueURL, '/')+1:]
}

// sqsPause reports whether d passed before ctx ended.
func sqsPause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func sqsAnswer(w http.ResponseWriter, answer any, err error) {
	status := http.StatusOK
	if err != nil {
		var e *sqsError
		if !errors.As(err, &e) {
			e = &sqsError{"InternalError", "InternalError", 500, err.Error()}
		}
		status = e.status
		party := "Sender"
		if status >= 500 {
			party = "Receiver"
		}
		w.Header().Set("X-Amzn-Query-Error", e.query+";"+party)
		answer = map[string]string{"__type": "com.amazonaws.sqs#" + e.code, "message": e.message}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	text, err := json.Marshal(answer)
	if err != nil {
		status, text = http.StatusInternalServerError, nil
	}
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that has gone needs no answer
}
