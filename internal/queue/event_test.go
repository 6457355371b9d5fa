package queue_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/queue"
)

func manifest(bucket, key, etag string) queue.Manifest {
	return queue.Manifest{Location: object.Location{Bucket: bucket, Key: key}, ETag: etag}
}

func manifests(m ...queue.Manifest) queue.Event { return queue.Event{Manifests: m} }

// TestParseEventFiles reads whole messages as the services send them.
func TestParseEventFiles(t *testing.T) {
	const etag = "d41d8cd98f00b204e9800998ecf8427e"
	inventory := manifest("inv", "manifests/src-export-2017-03-30T18-06Z-manifest.0.index", etag)
	tests := map[string]queue.Event{
		"s3-put.json":              manifests(inventory),
		"s3-multipart.json":        manifests(manifest("inv", "a b/ü+1%.index", "0123456789abcdef0123456789abcdef-3")),
		"s3-several.json":          {Manifests: []queue.Manifest{manifest("inv", "m.0.index", ""), manifest("inv", "m.2.index", "")}, Ignored: []string{"ObjectRemoved:Delete s3://inv/m.1.index"}},
		"s3-removed.json":          {Ignored: []string{"ObjectRemoved:DeleteMarkerCreated s3://inv/m.0.index"}},
		"s3-test.json":             {Test: true},
		"sns.json":                 manifests(inventory),
		"sns-test.json":            {Test: true},
		"eventbridge.json":         manifests(manifest("inv", "a+b%20c.index", etag)),
		"eventbridge-deleted.json": {Ignored: []string{"Object Deleted s3://inv/m.0.index"}},
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) != len(tests) {
		t.Fatalf("%d files for %d tests, %v", len(files), len(tests), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := queue.ParseEvent(queue.Message{ID: "id", Body: string(body)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tests[filepath.Base(file)], got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func sns(body string, times int) string {
	for range times {
		b, _ := json.Marshal(map[string]string{"Type": "Notification", "Message": body})
		body = string(b)
	}
	return body
}

func TestParseEvent(t *testing.T) {
	const plain = `{"Bucket":"b","Key":"a+b%20c"}`
	want := manifests(manifest("b", "a+b%20c", ""))
	tests := []struct {
		name, body string
		want       queue.Event
	}{
		{"plain, its key not encoded", plain, want},
		{"plain, with its ETag", `{"Bucket":"b","Key":"k","ETag":"\"x-1\""}`, manifests(manifest("b", "k", "x-1"))},
		{"plain, more members", `{"Key":"k","Bucket":"b","Comment":1}`, manifests(manifest("b", "k", ""))},
		{"plain, with members of other formats", `{"Bucket":"b","Key":"a+b%20c","Message":"sent by hand","Type":"x","Source":"y"}`, want},
		{"white space around", "\n " + plain + "\n", want},
		{"SNS", sns(plain, 1), want},
		{"SNS in SNS", sns(plain, 2), want},
		{"SNS in SNS, as often as taken", sns(plain, 5), want},
		{"event name as in configurations", `{"Records":[{"eventName":"s3:ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}]}`, manifests(manifest("b", "k", ""))},
		{"a key that is not quite encoded", `{"Records":[{"eventName":"ObjectCreated:Copy","s3":{"bucket":{"name":"b"},"object":{"key":"100%+x"}}}]}`, manifests(manifest("b", "100% x", ""))},
		{"other events need no object", `{"Records":[{"eventName":"Replication:OperationFailedReplication"}]}`, queue.Event{Ignored: []string{"Replication:OperationFailedReplication s3:///"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := queue.ParseEvent(queue.Message{Body: tt.body})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseEventErrors(t *testing.T) {
	tests := []struct{ name, body, says string }{
		{"empty", "", "neither an S3 event nor"},
		{"text", "hello", "neither an S3 event nor"},
		{"a number", "1", "neither an S3 event nor"},
		{"a list", "[]", "neither an S3 event nor"},
		{"two values", `{"Bucket":"b","Key":"k"} {"Bucket":"b","Key":"k2"}`, "neither an S3 event nor"},
		{"nothing in it", "{}", "names no bucket"},
		{"null", "null", "names no bucket"},
		{"no key", `{"Bucket":"b"}`, "names no key in bucket b"},
		{"no bucket", `{"Key":"k"}`, "names no bucket"},
		{"no records", `{"Records":[]}`, "no records"},
		{"records of another service", `{"Records":[{"EventSource":"aws:sns","Sns":{"Message":"x"}}]}`, "record 1 of the event is not from S3"},
		{"a record without a key", `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"}}}]}`, "record 1 of the event: the message names no key"},
		{"a record that is no object", `{"Records":[1]}`, "record 1 of the event"},
		{"one bad record of two", `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}},{}]}`, "record 2"},
		{"SNS around text", sns("hello", 1), "neither an S3 event nor"},
		{"SNS too often", sns(`{"Bucket":"b","Key":"k"}`, 6), "more than 5 SNS envelopes"},
		{"SNS subscription", `{"Type":"SubscriptionConfirmation","Message":"You have chosen","SubscribeURL":"https://x"}`, "SNS SubscriptionConfirmation"},
		{"EventBridge of another service", `{"detail-type":"Object Created","source":"my.app","detail":{"bucket":{"name":"b"},"object":{"key":"k"}}}`, `from "my.app"`},
		{"EventBridge without detail", `{"detail-type":"Object Created","source":"aws.s3"}`, "detail of the EventBridge event"},
		{"EventBridge without key", `{"detail-type":"Object Created","source":"aws.s3","detail":{"bucket":{"name":"b"}}}`, "names no key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := queue.ParseEvent(queue.Message{ID: "id-1", Body: tt.body})
			if err == nil {
				t.Fatalf("no error, but %+v", e)
			}
			if got := fault.KindOf(err); got != fault.Usage {
				t.Errorf("kind %d, want Usage", got)
			}
			for _, part := range []string{tt.says, "id-1", "redrive policy"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		})
	}
}

func FuzzParseEvent(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.json")
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(body))
	}
	f.Add(`{"Bucket":"b","Key":"k"}`)
	f.Add(sns(`{"Bucket":"b","Key":"k"}`, 3))
	f.Add(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"%zz+%2"}}}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		e, err := queue.ParseEvent(queue.Message{Body: body})
		if err != nil {
			return
		}
		if len(e.Manifests) == 0 && !e.Test && len(e.Ignored) == 0 {
			t.Fatal("neither an error nor anything in the event")
		}
		for _, m := range e.Manifests {
			if m.Bucket == "" || m.Key == "" {
				t.Fatalf("a manifest without a place: %+v", m)
			}
		}
		// An envelope changes nothing, unless it is one too many.
		wrapped, err := queue.ParseEvent(queue.Message{Body: sns(body, 1)})
		if err != nil && strings.Contains(err.Error(), "envelopes") {
			return
		}
		if err != nil || fmt.Sprint(wrapped) != fmt.Sprint(e) {
			t.Fatalf("in an envelope: %+v, %v; alone: %+v", wrapped, err, e)
		}
	})
}
