package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestQueuesBesideS3(t *testing.T) {
	queues := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		// A test's answer that is not read says so where it is read.
		_, _ = io.WriteString(w, "queue got "+string(body))
	})
	s := start(t, Options{Queues: queues})
	target := []string{"X-Amz-Target", "AmazonSQS.ReceiveMessage"}
	if _, body := want(t, 200, s, "POST", "/", "hello", target...); body != "queue got hello" {
		t.Error(body)
	}
	want(t, 200, s, "POST", "/queue/name", "hello")
	if _, body := want(t, 200, s, "GET", "/", ""); !strings.Contains(body, "<Name>src</Name>") {
		t.Error(body)
	}
	for _, c := range []struct {
		kind   Kind
		status int
		code   string
	}{
		{SlowDown, 400, "RequestThrottled"}, {InternalError, 500, "InternalError"}, {AccessDenied, 403, "AccessDeniedException"},
		{Latency, 200, ""},
	} {
		s.SetFaults(Rule{Operation: "ReceiveMessage", Fault: Fault{Kind: c.kind, Latency: Duration(time.Microsecond)}})
		_, body := want(t, c.status, s, "POST", "/", "hello", target...)
		var e struct {
			Type string `json:"__type"`
		}
		if err := json.Unmarshal([]byte(body), &e); c.code != "" && (err != nil || !strings.HasSuffix(e.Type, "#"+c.code)) {
			t.Errorf("%s: %s", c.kind, body)
		}
	}
	for _, kind := range []Kind{Reset, LoseAnswer} {
		s.SetFaults(Rule{Operation: "ReceiveMessage", Fault: Fault{Kind: kind}})
		if _, _, err := do(t, s, "POST", "/", "hello", target...); err == nil {
			t.Errorf("%s: an answer", kind)
		}
	}
	s.SetFaults()
	s.SetCredentials(map[string]Credential{"AK": {SecretAccessKey: "secret"}})
	want(t, 403, s, "POST", "/", "hello", target...)
	want(t, 403, s, "POST", "/", "hello", append(target, "X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"), "Authorization",
		"AWS4-HMAC-SHA256 Credential=AK/"+time.Now().UTC().Format("20060102")+"/us-east-1/sqs/aws4_request,SignedHeaders=host,Signature=0")...)
}
