package bundler_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"s3bundler/internal/aws"
	"s3bundler/internal/bundler"
	"s3bundler/internal/sandbox"
)

// TestDeletedLast notes the order of what S3 and SQS are told: a message is
// deleted when archive, index and dead letters are stored, and not at all
// where one of them could not be.
func TestDeletedLast(t *testing.T) {
	for _, denied := range []string{"", "*.tar", "*.index", "*.dlq"} {
		t.Run("denied "+denied, func(t *testing.T) {
			var mu sync.Mutex
			var order []string
			note := func(what string) {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, what)
			}
			queues := sandbox.NewQueues(sandbox.QueueOptions{})
			if err := queues.Create("q", map[string]string{"VisibilityTimeout": "600"}); err != nil {
				t.Fatal(err)
			}
			queues.SetFaults(func(c sandbox.QueueCall) (f sandbox.QueueFault) {
				if c.Operation == "DeleteMessage" {
					note("delete")
				}
				return f
			})
			w := newWorldOn(t, sandbox.Options{Queues: queues, After: func(e sandbox.Exchange) {
				if e.Method == "PUT" && e.Status == 200 {
					note(e.Key[strings.LastIndexByte(e.Key, '.')+1:])
				}
			}})
			w.plant("k", sandbox.Planted{Body: []byte("content")})
			w.list("gone", "4")
			w.store(at, strings.Join(w.rows, ""))
			if denied != "" {
				w.server.SetFaults(sandbox.Rule{Operation: "PutObject", Key: denied, Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
			}
			if err := queues.Send("q", `{"Bucket":"`+at.Bucket+`","Key":"`+at.Key+`"}`); err != nil {
				t.Fatal(err)
			}
			cfg, err := aws.Load(t.Context(), aws.Settings{EndpointURL: w.server.URL()})
			if err != nil {
				t.Fatal(err)
			}
			q, err := aws.OpenQueue(t.Context(), cfg, "q")
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			b := bundler.New(w.s3, raceOptions(), slog.New(slog.NewTextHandler(&log, nil)))
			if err := b.Work(t.Context(), q, bundler.QueueOptions{Messages: 1, Grace: time.Minute}); err != nil {
				t.Fatal(err)
			}
			want := []string{"tar", "index", "dlq", "delete"}
			if denied != "" {
				want = want[:slices.Index(want, denied[2:])]
				if !strings.Contains(log.String(), "level=ERROR") {
					t.Errorf("no error in the log:\n%s", log.String())
				}
			}
			if !slices.Equal(order, want) {
				t.Errorf("order %q, want %q", order, want)
			}
			if d, err := queues.Depth("q"); err != nil || d.Visible != 0 || (d.InFlight == 1) != (denied != "") {
				t.Errorf("the queue has %+v, %v", d, err)
			}
		})
	}
}
