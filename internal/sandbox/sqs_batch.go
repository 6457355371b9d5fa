package sandbox

import "errors"

type sqsBatchError struct {
	ID          string `json:"Id"`
	SenderFault bool
	Code        string
	Message     string
}

type sqsBatchDone struct {
	ID string `json:"Id"`
}

type sqsBatchOut[T any] struct {
	Successful []T
	Failed     []sqsBatchError
}

// sqsBatch carries out each of the entries by itself.
func sqsBatch[In interface{ id() string }, Out any](entries []In, each func(In) (Out, error)) (any, error) {
	switch {
	case len(entries) == 0:
		return nil, &sqsError{"EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400,
			"There should be at least one entry in the request."}
	case len(entries) > 10:
		return nil, &sqsError{"TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400,
			"Maximum number of entries per request are 10."}
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if seen[e.id()] {
			return nil, &sqsError{"BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400,
				"Id " + e.id() + " repeated."}
		}
		seen[e.id()] = true
	}
	out := sqsBatchOut[Out]{Successful: []Out{}, Failed: []sqsBatchError{}}
	for _, e := range entries {
		done, err := each(e)
		var failed *sqsError
		switch {
		case err == nil:
			out.Successful = append(out.Successful, done)
		case errors.As(err, &failed):
			out.Failed = append(out.Failed, sqsBatchError{e.id(), true, failed.query, failed.message})
		default:
			return nil, err
		}
	}
	return out, nil
}

// sqsEntry is the member of all entries of a batch.
type sqsEntry struct {
	ID string `json:"Id"`
}

func (e sqsEntry) id() string { return e.ID }

type sqsSendEntry struct {
	sqsEntry
	sqsMessageIn
}

func (q *Queues) sendMessageBatch(body []byte) (any, error) {
	in, to, err := sqsDecodeFor[struct {
		sqsTo
		Entries []sqsSendEntry
	}](q, body)
	if err != nil {
		return nil, err
	}
	return sqsBatch(in.Entries, func(e sqsSendEntry) (sqsMessageOut, error) {
		out, err := e.send(to)
		out.ID = e.ID
		return out, err
	})
}

type sqsReceiptEntry struct {
	sqsEntry
	ReceiptHandle     string
	VisibilityTimeout int
}

type sqsReceiptBatch struct {
	sqsTo
	Entries []sqsReceiptEntry
}

func (q *Queues) deleteMessageBatch(body []byte) (any, error) {
	in, of, err := sqsDecodeFor[sqsReceiptBatch](q, body)
	if err != nil {
		return nil, err
	}
	return sqsBatch(in.Entries, func(e sqsReceiptEntry) (sqsBatchDone, error) {
		return sqsBatchDone{e.ID}, of.deleteMessage(e.ReceiptHandle)
	})
}

func (q *Queues) changeMessageVisibilityBatch(body []byte) (any, error) {
	in, of, err := sqsDecodeFor[sqsReceiptBatch](q, body)
	if err != nil {
		return nil, err
	}
	return sqsBatch(in.Entries, func(e sqsReceiptEntry) (sqsBatchDone, error) {
		return sqsBatchDone{e.ID}, of.changeVisibility(e.ReceiptHandle, e.VisibilityTimeout)
	})
}
