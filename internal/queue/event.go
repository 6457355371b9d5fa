package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// Manifest is a manifest to work on, as a message names it.
type Manifest struct {
	object.Location
	// ETag is that of the manifest when the event happened, without quotes;
	// empty if the message does not tell.
	ETag string
}

// Event is what the body of a message says.
type Event struct {
	// Manifests are in the order of the message. The message is done when all
	// of them are.
	Manifests []Manifest
	// Test says that S3 only checked that it may send events here. There is
	// nothing to do.
	Test bool
	// Ignored describes what else the message tells of, such as
	// "ObjectRemoved:Delete s3://bucket/key". Nothing is to be done about it.
	Ignored []string
}

// maxEnvelopes bounds how many envelopes one body may be wrapped in, so that
// no message costs more than a few passes over its 1 MiB.
const maxEnvelopes = 5

// ParseEvent reads the body of m: an S3 event notification (every
// ObjectCreated:* record names a manifest, its key URL-decoded), an EventBridge
// "Object Created" event, or {"Bucket": B, "Key": K}, each of them alone or
// within SNS envelopes. Formats: "Event message structure" and "Using
// EventBridge" in the S3 User Guide, "Fanout to Amazon SQS queues" in the SNS
// Developer Guide.
//
// An error has kind Usage: nobody can work on such a message, and it must be
// left to the queue's redrive policy. Without an error, the Event holds at
// least one manifest, or is a test, or has ignored something.
func ParseEvent(m Message) (Event, error) {
	e, err := parseBody(m.Body, maxEnvelopes)
	if err != nil {
		return Event{}, fault.New(fault.Usage, "read message", m.ID, err,
			"it stays on the queue for its redrive policy")
	}
	return e, nil
}

// body has the members that tell the formats apart, and those of the formats
// that are flat.
type body struct {
	// S3 event notification.
	Records []json.RawMessage
	// S3 test event.
	Event string
	// Plain, and the bucket of a test event.
	Bucket string
	Key    string
	ETag   string
	// SNS envelope.
	Type    string
	Message *string
	// EventBridge.
	DetailType string `json:"detail-type"`
	Source     string `json:"source"`
	Detail     json.RawMessage
}

func parseBody(text string, envelopes int) (Event, error) {
	var b body
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return Event{}, fmt.Errorf("the body is neither an S3 event nor {\"Bucket\":…,\"Key\":…}: %w", err)
	}
	switch {
	case b.Bucket != "" && b.Key != "":
		// No other format has both at its top; this one may have more members.
		return parsePlain(b)
	case b.Event == "s3:TestEvent":
		return Event{Test: true}, nil
	case b.Records != nil:
		return parseRecords(b.Records)
	case b.Message != nil:
		if envelopes == 0 {
			return Event{}, fmt.Errorf("the body is wrapped in more than %d SNS envelopes", maxEnvelopes)
		}
		if b.Type != "" && b.Type != "Notification" {
			return Event{}, fmt.Errorf("the body is an SNS %s, not a notification", b.Type)
		}
		return parseBody(*b.Message, envelopes-1)
	case b.DetailType != "":
		return parseEventBridge(b)
	default:
		return parsePlain(b)
	}
}

func parsePlain(b body) (Event, error) {
	m, err := named(b.Bucket, b.Key, b.ETag)
	if err != nil {
		return Event{}, err
	}
	return Event{Manifests: []Manifest{m}}, nil
}

// record is one element of an S3 event notification.
type record struct {
	EventName string `json:"eventName"`
	S3        struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key  string `json:"key"`
			ETag string `json:"eTag"`
		} `json:"object"`
	} `json:"s3"`
}

func parseRecords(raw []json.RawMessage) (Event, error) {
	if len(raw) == 0 {
		return Event{}, errors.New("the event has no records")
	}
	var e Event
	for i, text := range raw {
		var r record
		if err := json.Unmarshal(text, &r); err != nil {
			return Event{}, fmt.Errorf("record %d of the event: %w", i+1, err)
		}
		// The name has no "s3:" in events, though it has in configurations;
		// some S3-compatible stores send it all the same.
		name := strings.TrimPrefix(r.EventName, "s3:")
		if name == "" {
			return Event{}, fmt.Errorf("record %d of the event is not from S3: it has no eventName", i+1)
		}
		m, err := named(r.S3.Bucket.Name, object.DecodeKey(r.S3.Object.Key), r.S3.Object.ETag)
		switch {
		case !strings.HasPrefix(name, "ObjectCreated:"):
			e.Ignored = append(e.Ignored, name+" "+m.String())
		case err != nil:
			return Event{}, fmt.Errorf("record %d of the event: %w", i+1, err)
		default:
			e.Manifests = append(e.Manifests, m)
		}
	}
	return e, nil
}

// parseEventBridge differs from parseRecords in that the key is not encoded.
func parseEventBridge(b body) (Event, error) {
	var d struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key  string `json:"key"`
			ETag string `json:"etag"`
		} `json:"object"`
	}
	if b.Source != "aws.s3" {
		return Event{}, fmt.Errorf("the EventBridge event %q is from %q, not from aws.s3", b.DetailType, b.Source)
	}
	if err := json.Unmarshal(b.Detail, &d); err != nil {
		return Event{}, fmt.Errorf("detail of the EventBridge event %q: %w", b.DetailType, err)
	}
	m, err := named(d.Bucket.Name, d.Object.Key, d.Object.ETag)
	if b.DetailType != "Object Created" {
		return Event{Ignored: []string{b.DetailType + " " + m.String()}}, nil
	}
	if err != nil {
		return Event{}, err
	}
	return Event{Manifests: []Manifest{m}}, nil
}

// named refuses a manifest without a place; the Manifest can be printed all
// the same.
func named(bucket, key, etag string) (Manifest, error) {
	m := Manifest{object.Location{Bucket: bucket, Key: key}, strings.Trim(etag, `"`)}
	switch {
	case bucket == "":
		return m, errors.New("the message names no bucket")
	case key == "":
		return m, errors.New("the message names no key in bucket " + bucket)
	}
	return m, nil
}
