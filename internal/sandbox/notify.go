package sandbox

import (
	"encoding/json"
	"fmt"
	"strings"

	"s3bundler/internal/object"
)

// listener is one event notification.
type listener struct {
	bucket, prefix, suffix string
	deliver                func(body string)
}

// Notify calls deliver with an S3 event for each object that is created in
// bucket under a key with prefix and suffix. It runs in the request's
// goroutine after the object is stored and before the client hears of it.
func (s *Server) Notify(bucket, prefix, suffix string, deliver func(body string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, listener{bucket, prefix, suffix, deliver})
}

// event is one record of S3's event message. See "Event message structure" in
// the S3 User Guide.
type event struct {
	EventVersion      string            `json:"eventVersion"`
	EventSource       string            `json:"eventSource"`
	AWSRegion         string            `json:"awsRegion"`
	EventTime         string            `json:"eventTime"`
	EventName         string            `json:"eventName"`
	UserIdentity      map[string]string `json:"userIdentity"`
	RequestParameters map[string]string `json:"requestParameters"`
	ResponseElements  map[string]string `json:"responseElements"`
	S3                eventS3           `json:"s3"`
}

type eventS3 struct {
	SchemaVersion   string      `json:"s3SchemaVersion"`
	ConfigurationID string      `json:"configurationId"`
	Bucket          eventBucket `json:"bucket"`
	Object          eventObject `json:"object"`
}

type eventBucket struct {
	Name          string            `json:"name"`
	OwnerIdentity map[string]string `json:"ownerIdentity"`
	ARN           string            `json:"arn"`
}

type eventObject struct {
	Key       string `json:"key"`
	Size      int64  `json:"size"`
	ETag      string `json:"eTag"`
	VersionID string `json:"versionId,omitempty"`
	Sequencer string `json:"sequencer"`
}

// notify sends what happened to those who listen.
func (s *Server) notify(bucket, key string, v *version, name string) {
	s.mu.RLock()
	listeners := s.listeners
	s.mu.RUnlock()
	var body string
	for _, l := range listeners {
		if l.bucket != bucket || !strings.HasPrefix(key, l.prefix) || !strings.HasSuffix(key, l.suffix) {
			continue
		}
		if body == "" {
			body = s.eventBody(bucket, key, v, name)
		}
		l.deliver(body)
	}
}

func (s *Server) eventBody(bucket, key string, v *version, name string) string {
	o := eventObject{Key: object.EncodeKey(key), Size: v.Size, ETag: v.ETag, Sequencer: fmt.Sprintf("%018X", s.events.Add(1))}
	if v.ID != "null" {
		o.VersionID = v.ID
	}
	id := s.requestID()
	e := event{
		EventVersion: "2.1", EventSource: "aws:s3", AWSRegion: s.opt.Region,
		EventTime: s.opt.Now().UTC().Format("2006-01-02T15:04:05.000Z"), EventName: name,
		UserIdentity:      map[string]string{"principalId": "AWS:SANDBOX"},
		RequestParameters: map[string]string{"sourceIPAddress": "127.0.0.1"},
		ResponseElements:  map[string]string{"x-amz-request-id": id, "x-amz-id-2": "sandbox" + id},
		S3: eventS3{SchemaVersion: "1.0", ConfigurationID: "sandbox",
			Bucket: eventBucket{bucket, map[string]string{"principalId": "SANDBOX"}, "arn:aws:s3:::" + bucket}, Object: o},
	}
	// Strings and numbers always marshal.
	b, _ := json.Marshal(map[string][]event{"Records": {e}})
	return string(b)
}
