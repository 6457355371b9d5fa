package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestFaultsInsteadOfAnswers(t *testing.T) {
	s := start(t, Options{})
	want(t, 200, s, "PUT", "/src/k", "0123456789")
	for _, c := range []struct {
		kind   Kind
		status int
		code   string
	}{
		{SlowDown, 503, "SlowDown"}, {InternalError, 500, "InternalError"}, {AccessDenied, 403, "AccessDenied"},
		{InvalidObjectState, 403, "InvalidObjectState"}, {InternalErrorIn200, 200, "InternalError"},
	} {
		s.SetFaults(Rule{Operation: "GetObject", Bucket: "src", Key: "k", Fault: Fault{Kind: c.kind}})
		h, body := want(t, c.status, s, "GET", "/src/k", "")
		if !strings.Contains(body, "<Code>"+c.code+"</Code>") || h.Get("x-amz-request-id") == "" {
			t.Errorf("%s: %s %v", c.kind, body, h)
		}
		want(t, 200, s, "HEAD", "/src/k", "")
	}
	s.SetFaults(Rule{Operation: "HeadObject", Fault: Fault{Kind: SlowDown}})
	if _, body := want(t, 503, s, "HEAD", "/src/k", ""); body != "" {
		t.Errorf("a HEAD with the body %q", body)
	}
	s.SetFaults()
	want(t, 200, s, "GET", "/src/k", "")
}

// TestRefusedUploadsAreAnswered sends more than a server reads of its own
// accord after it has answered.
func TestRefusedUploadsAreAnswered(t *testing.T) {
	s := start(t, Options{})
	s.SetFaults(Rule{Operation: "PutObject", Fault: Fault{Kind: SlowDown}})
	for range 20 {
		want(t, 503, s, "PUT", "/src/k", strings.Repeat("x", 4<<20))
	}
}

func TestFaultsInBodies(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		s := start(t, Options{Dir: dir})
		want(t, 200, s, "PUT", "/src/k", "0123456789")
		for _, c := range []struct {
			fault Fault
			body  string
			whole bool
		}{
			{Fault{Kind: CutBody, At: 4}, "0123", false},
			{Fault{Kind: CutBody}, "", false},
			{Fault{Kind: CutBody, At: 1000}, "012345678", false},
			{Fault{Kind: StallBody, At: 3, Latency: Duration(time.Millisecond)}, "012", false},
			{Fault{Kind: CorruptBody, At: 2}, "0133456789", true},
			{Fault{Kind: CorruptBody, At: 1000}, "0123456788", true},
		} {
			s.SetFaults(Rule{Fault: c.fault})
			resp, body, err := do(t, s, "GET", "/src/k", "")
			if resp == nil || resp.StatusCode != 200 || resp.ContentLength != 10 || body != c.body || (err == nil) != c.whole {
				t.Errorf("%+v: %q, %v", c.fault, body, err)
			}
		}
		s.SetFaults()
		// The object itself is as it was.
		if _, body := want(t, 200, s, "GET", "/src/k", ""); body != "0123456789" {
			t.Errorf("afterwards: %q", body)
		}
	}
}

func TestStallLastsUntilTheClientGivesUp(t *testing.T) {
	s := start(t, Options{})
	want(t, 200, s, "PUT", "/src/k", "0123456789")
	s.SetFaults(Rule{Fault: Fault{Kind: StallBody, At: 5}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", s.URL()+"/src/k", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b := make([]byte, 5)
	if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != "01234" {
		t.Fatalf("%q, %v", b, err)
	}
	cancel()
	if _, err := resp.Body.Read(b); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestCloseFreesStalledRequests(t *testing.T) {
	s, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateBucket("src", BucketOptions{}); err != nil {
		t.Fatal(err)
	}
	want(t, 200, s, "PUT", "/src/k", "0123456789")
	s.SetFaults(Rule{Fault: Fault{Kind: StallBody, At: 5}})
	resp, err := http.Get(s.URL() + "/src/k")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if b, err := io.ReadAll(resp.Body); err == nil || string(b) != "01234" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestWrongChecksum(t *testing.T) {
	s := start(t, Options{})
	h, _ := want(t, 200, s, "PUT", "/src/k", "0123456789")
	right := h.Get("x-amz-checksum-crc64nvme")
	s.SetFaults(Rule{Fault: Fault{Kind: WrongChecksum}})
	h, body := want(t, 200, s, "GET", "/src/k", "", "x-amz-checksum-mode", "ENABLED")
	if got := h.Get("x-amz-checksum-crc64nvme"); got == right || len(got) != len(right) || body != "0123456789" ||
		h.Get("x-amz-checksum-type") != "FULL_OBJECT" {
		t.Errorf("%s, was %s: %q", got, right, body)
	}
}

func TestReplace(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		s := start(t, Options{Dir: dir})
		h, _ := want(t, 200, s, "PUT", "/src/k", "0123456789", "x-amz-meta-a", "b")
		etag := h.Get("ETag")
		s.SetFaults(Rule{Operation: "GetObject", Nth: 1, Fault: Fault{Kind: Replace}})
		h, body := want(t, 200, s, "GET", "/src/k", "", "If-Match", etag)
		if body != "0123456789" || h.Get("ETag") != etag {
			t.Errorf("first: %q %s", body, h.Get("ETag"))
		}
		want(t, 412, s, "GET", "/src/k", "", "If-Match", etag)
		h, body = want(t, 200, s, "GET", "/src/k", "")
		if body == "0123456789" || len(body) != 10 || h.Get("ETag") == etag || h.Get("x-amz-meta-a") != "b" {
			t.Errorf("then: %q %v", body, h)
		}
		again, _ := want(t, 200, s, "GET", "/src/k", "")
		if again.Get("ETag") != h.Get("ETag") {
			t.Error("replaced more than once")
		}
	}
}

func TestReset(t *testing.T) {
	s := start(t, Options{})
	s.SetFaults(Rule{Operation: "PutObject", Fault: Fault{Kind: Reset}})
	if _, _, err := do(t, s, "PUT", "/src/k", "x"); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	want(t, 404, s, "GET", "/src/k", "")
	s.SetFaults(Rule{Operation: "PutObject", Fault: Fault{Kind: LoseAnswer}})
	if _, _, err := do(t, s, "PUT", "/src/k", "x"); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	if _, body := want(t, 200, s, "GET", "/src/k", ""); body != "x" {
		t.Errorf("%q", body)
	}
}

func TestWhichRequests(t *testing.T) {
	for _, c := range []struct {
		name string
		rule Rule
		want []int // of ten requests, from 1
	}{
		{"all", Rule{}, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{"nth", Rule{Nth: 3}, []int{3}},
		{"every", Rule{Every: 4}, []int{4, 8}},
		{"times", Rule{Times: 2}, []int{1, 2}},
		{"every and times", Rule{Every: 2, Times: 3}, []int{2, 4, 6}},
		{"another bucket", Rule{Bucket: "dst"}, nil},
		{"another method", Rule{Method: "PUT"}, nil},
		{"key", Rule{Key: "log*"}, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{"another key", Rule{Key: "log"}, nil},
		{"prefix", Rule{Prefix: "log/", Nth: 2}, []int{2}},
	} {
		var f faults
		s := &Server{}
		c.rule.Fault.Kind = SlowDown
		s.SetFaults(c.rule)
		f.rules.Store(s.faults.rules.Load())
		var got []int
		for i := 1; i <= 10; i++ {
			if f.pick(Exchange{Operation: "GetObject", Method: "GET", Bucket: "src", Key: "log/k"}, "").Kind == SlowDown {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestProbability checks that the choice is a share, that it depends on the
// seed, and that the order of requests for different keys does not matter.
func TestProbability(t *testing.T) {
	run := func(seed uint64, order []int) string {
		s := &Server{}
		s.SetFaults(Rule{Probability: 0.2, Seed: seed, Fault: Fault{Kind: SlowDown}})
		hit := make([]byte, len(order)*3)
		for attempt := range 3 {
			for _, i := range order {
				hit[i*3+attempt] = '.'
				if s.faults.pick(Exchange{Operation: "GetObject", Bucket: "src", Key: fmt.Sprint(i)}, "").Kind == SlowDown {
					hit[i*3+attempt] = 'x'
				}
			}
		}
		return string(hit)
	}
	up := make([]int, 2000)
	for i := range up {
		up[i] = i
	}
	down := slices.Clone(up)
	slices.Reverse(down)
	first := run(1, up)
	if n := strings.Count(first, "x"); n < 1080 || n > 1320 {
		t.Errorf("%d of 6000 at 20 %%", n)
	}
	if run(1, down) != first {
		t.Error("another order, other faults")
	}
	if run(2, up) == first {
		t.Error("another seed, the same faults")
	}
	if !strings.Contains(first, "x.") {
		t.Error("what went wrong once goes wrong for ever")
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.CreateBucket("src", BucketOptions{}); err != nil {
			t.Fatal(err)
		}
		s.SetFaults(Rule{Fault: Fault{Kind: Latency, Latency: Duration(30 * time.Millisecond)}},
			Rule{Operation: "GetObject", Fault: Fault{Kind: SlowDown, Latency: Duration(time.Second)}},
			Rule{Operation: "GetObject", Fault: Fault{Kind: InternalError}})
		for path, want := range map[string]struct {
			took   time.Duration
			status int
		}{"/src": {30 * time.Millisecond, 200}, "/src/k": {1030 * time.Millisecond, 503}} {
			begin := time.Now()
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			if took := time.Since(begin); took != want.took || w.Code != want.status {
				t.Errorf("%s: %d after %v", path, w.Code, took)
			}
		}
		// A client that gives up is not waited for.
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		begin := time.Now()
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/src", nil).WithContext(ctx))
		if took := time.Since(begin); took != 10*time.Millisecond {
			t.Errorf("given up after %v", took)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestControl(t *testing.T) {
	s := start(t, Options{})
	want(t, 200, s, "GET", "/_sandbox/health", "")
	want(t, 200, s, "PUT", "/_sandbox/faults", `[{"operation":"GetObject","nth":1,"fault":{"kind":"SlowDown","latency":"1ms"}}]`)
	want(t, 200, s, "POST", "/_sandbox/faults", `[{"operation":"HeadObject","fault":{"kind":"InternalError"}}]`)
	_, body := want(t, 200, s, "GET", "/_sandbox/faults", "")
	if body != `[{"operation":"GetObject","nth":1,"fault":{"kind":"SlowDown","latency":"1ms"}},{"operation":"HeadObject","fault":{"kind":"InternalError"}}]`+"\n" {
		t.Error(body)
	}
	want(t, 503, s, "GET", "/src/k", "")
	want(t, 500, s, "HEAD", "/src/k", "")
	want(t, 404, s, "GET", "/src/k", "")
	_, body = want(t, 200, s, "GET", "/_sandbox/stats", "")
	if body != `{"requests":{"GetObject":2,"HeadObject":1},"faults":{"InternalError":1,"SlowDown":1}}`+"\n" {
		t.Error(body)
	}
	want(t, 200, s, "DELETE", "/_sandbox/faults", "")
	want(t, 200, s, "DELETE", "/_sandbox/stats", "")
	if st := s.Stats(); len(st.Requests) != 0 || len(st.Faults) != 0 || len(s.Faults()) != 0 {
		t.Errorf("%+v %+v", st, s.Faults())
	}
	want(t, 200, s, "POST", "/_sandbox/objects", `[{"bucket":"src","key":"a b","generated":{"size":5,"seed":1},"storageClass":"GLACIER"},{"bucket":"src","key":"c","body":"aGk="}]`)
	want(t, 403, s, "GET", "/src/a%20b", "")
	if _, body = want(t, 200, s, "GET", "/src/c", ""); body != "hi" {
		t.Error(body)
	}
	want(t, 200, s, "POST", "/src/up?uploads", "")
	if _, body = want(t, 200, s, "GET", "/_sandbox/uploads", ""); !strings.HasPrefix(body, `[{"bucket":"src","key":"up","uploadId":"`) {
		t.Error(body)
	}
	for _, c := range []struct{ method, path, body string }{
		{"PUT", "/_sandbox/faults", `[{"oops":1}]`},
		{"PUT", "/_sandbox/faults", `[{"fault":{"kind":"NoSuchKind"}}]`},
		{"PUT", "/_sandbox/faults", `[{"fault":{"latency":"soon"}}]`},
		{"POST", "/_sandbox/objects", `[{"bucket":"nowhere","key":"k"}]`},
	} {
		want(t, 400, s, c.method, c.path, c.body)
	}
	want(t, 404, s, "GET", "/_sandbox/nothing", "")
}

func TestExchanges(t *testing.T) {
	var before, after []Exchange
	s := start(t, Options{
		Before: func(e Exchange) { before = append(before, e) },
		After:  func(e Exchange) { after = append(after, e) },
	})
	want(t, 200, s, "PUT", "/src/k", "0123456789")
	s.SetFaults(Rule{Operation: "GetObject", Fault: Fault{Kind: CutBody, At: 2}})
	if _, _, err := do(t, s, "GET", "/src/k", "", "Range", "bytes=1-5"); err == nil {
		t.Error("not cut")
	}
	if err := s.Close(); err != nil { // waits for the handlers
		t.Error(err)
	}
	if len(before) != 2 || len(after) != 2 {
		t.Fatalf("%v %v", before, after)
	}
	got := after[1]
	got.RequestID = ""
	if want := (Exchange{Operation: "GetObject", Method: "GET", Bucket: "src", Key: "k", Range: "bytes=1-5", Status: 206, Sent: 2, Fault: CutBody}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if before[1].Status != 0 || before[1].RequestID != after[1].RequestID || before[1].RequestID == before[0].RequestID {
		t.Errorf("%+v", before)
	}
}
