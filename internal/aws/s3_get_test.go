package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// get reads an object whole.
func get(t *testing.T, s *S3, o object.Object, r store.Range) (string, object.Attributes) {
	t.Helper()
	body, a, err := s.Open(t.Context(), o, r)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content), a
}

func TestOpenRequest(t *testing.T) {
	type request struct {
		URI, Host, Range, IfMatch, Payer, Token, Mode string
	}
	for name, tt := range map[string]struct {
		object   object.Object
		r        store.Range
		settings Settings
		token    string
		want     request
	}{
		"plain":     {object: object.Object{Bucket: "b", Key: "logs/1.bin"}, want: request{URI: "/b/logs/1.bin"}},
		"odd key":   {object: object.Object{Bucket: "b", Key: "/a//b/../ +%?#é\n"}, want: request{URI: "/b//a//b/../%20%2B%25%3F%23%C3%A9%0A"}},
		"version":   {object: object.Object{Bucket: "b", Key: "k", VersionID: "a.b_c"}, want: request{URI: "/b/k?versionId=a.b_c"}},
		"condition": {object: object.Object{Bucket: "b", Key: "k", ETag: "abc-2"}, want: request{URI: "/b/k", IfMatch: `"abc-2"`}},
		"range":     {object: object.Object{Bucket: "b", Key: "k"}, r: store.Range{Offset: 3, Length: 4}, want: request{URI: "/b/k", Range: "bytes=3-6"}},
		"from":      {object: object.Object{Bucket: "b", Key: "k"}, r: store.Range{Offset: 3}, want: request{URI: "/b/k", Range: "bytes=3-"}},
		"payer":     {object: object.Object{Bucket: "b", Key: "k"}, settings: Settings{RequesterPays: true}, want: request{URI: "/b/k", Payer: "requester"}},
		"token":     {object: object.Object{Bucket: "b", Key: "k"}, token: "IQoJ=", want: request{URI: "/b/k", Token: "IQoJ="}},
		"virtual host": {object: object.Object{Bucket: "src", Key: "k k"}, settings: Settings{VirtualHosts: true}, want: request{
			URI: "/k%20k", Host: "src.s3.test",
		}},
		"virtual host, slash": {object: object.Object{Bucket: "src", Key: "/k//"}, settings: Settings{VirtualHosts: true}, want: request{
			URI: "//k//", Host: "src.s3.test",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bothPaths(t, func(t *testing.T, settings Settings) {
				var got request
				var auth string
				endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
					got = request{
						r.RequestURI, r.Host, r.Header.Get("Range"), r.Header.Get("If-Match"), r.Header.Get("X-Amz-Request-Payer"),
						r.Header.Get("X-Amz-Security-Token"), r.Header.Get("X-Amz-Checksum-Mode"),
					}
					// The SDK's way to name the operation, which S3 ignores.
					got.URI = strings.TrimSuffix(strings.Replace(got.URI, "x-id=GetObject", "", 1), "?")
					got.URI = strings.Replace(strings.TrimSuffix(got.URI, "&"), "?&", "?", 1)
					auth = r.Header.Get("Authorization")
					w.Header().Set("Etag", `"abc-2"`)
					http.ServeContent(w, r, "", time.Time{}, strings.NewReader("0123456789"))
				})
				t.Setenv("AWS_SESSION_TOKEN", tt.token)
				settings.RequesterPays, settings.VirtualHosts = tt.settings.RequesterPays, tt.settings.VirtualHosts
				content, a := get(t, newS3(t, endpoint, settings), tt.object, tt.r)
				want := "0123456789"[tt.r.Offset:]
				if tt.r.Length > 0 {
					want = want[:tt.r.Length]
				}
				if content != want || a.Size != 10 || a.ETag != "abc-2" {
					t.Errorf("content %q, attributes %+v", content, a)
				}
				sent := tt.want
				sent.Mode = "ENABLED"
				if sent.Host == "" {
					sent.Host = strings.TrimPrefix(endpoint, "http://")
				}
				if diff := cmp.Diff(sent, got); diff != "" {
					t.Error(diff)
				}
				if !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") {
					t.Errorf("authorization %q", auth)
				}
			})
		})
	}
}

func TestOpenLearnsTheRegion(t *testing.T) {
	bothPaths(t, func(t *testing.T, settings Settings) {
		var asked atomic.Int32
		s := newS3(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if !strings.Contains(r.Header.Get("Authorization"), "/ap-south-1/s3/aws4_request") {
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, errorBody("AuthorizationHeaderMalformed",
					"The authorization header is malformed; the region 'eu-west-1' is wrong; expecting 'ap-south-1'", "<Region>ap-south-1</Region>"))
				return
			}
			io.WriteString(w, "hello")
		}), settings)
		for i, want := range []int32{2, 3} {
			if content, _ := get(t, s, object.Object{Bucket: "b", Key: "k"}, store.Range{}); content != "hello" {
				t.Errorf("content %q", content)
			}
			if asked.Load() != want {
				t.Errorf("after object %d: %d requests, want %d", i+1, asked.Load(), want)
			}
		}
		// The SDK's calls profit from what GETs learn.
		if _, err := s.Head(t.Context(), object.Object{Bucket: "b", Key: "k"}); err != nil || asked.Load() != 4 {
			t.Errorf("HEAD: error %v, %d requests, want 4", err, asked.Load())
		}
	})
}

func TestOpenLearnsTheClock(t *testing.T) {
	ahead := time.Now().Add(3 * time.Hour)
	s := newS3(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", ahead.UTC().Format(http.TimeFormat))
		at, err := time.Parse(dateFormat, r.Header.Get("X-Amz-Date"))
		if err != nil || at.Sub(ahead).Abs() > 15*time.Minute {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, errorBody("RequestTimeTooSkewed", "m", ""))
			return
		}
		io.WriteString(w, "hello")
	}), Settings{})
	if content, _ := get(t, s, object.Object{Bucket: "b", Key: "k"}, store.Range{}); content != "hello" {
		t.Errorf("content %q", content)
	}
}

func TestOpenRefusesWhatWasNotAsked(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		header string // Content-Range
	}{
		"the range ignored":  {http.StatusOK, ""},
		"another range":      {http.StatusPartialContent, "bytes 0-3/10"},
		"a range of nothing": {http.StatusPartialContent, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bothPaths(t, func(t *testing.T, settings Settings) {
				s := newS3(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
					if tt.header != "" {
						w.Header().Set("Content-Range", tt.header)
					}
					w.WriteHeader(tt.status)
					io.WriteString(w, "0123")
				}), settings)
				_, _, err := s.Open(t.Context(), object.Object{Bucket: "b", Key: "k"}, store.Range{Offset: 4, Length: 4})
				if err == nil || !strings.HasPrefix(err.Error(), "GetObject s3://b/k: asked for bytes=4-7") || fault.KindOf(err) != fault.Download || fault.ReasonOf(err) != fault.Retry {
					t.Errorf("error %v, reason %q", err, fault.ReasonOf(err))
				}
			})
		})
	}
}

func TestOpenRefusesNoObject(t *testing.T) {
	s := newS3(t, "http://127.0.0.1:1", Settings{})
	for _, o := range []object.Object{{Bucket: "b"}, {Key: "k"}} {
		if _, _, err := s.Open(t.Context(), o, store.Range{}); fault.ReasonOf(err) != fault.BadRow {
			t.Errorf("%+v: error %v, want reason BadRow", o, err)
		}
	}
	if _, _, err := s.Open(t.Context(), object.Object{Bucket: "b", Key: "k"}, store.Range{Offset: -1}); !errors.Is(err, store.ErrRange) {
		t.Errorf("error %v, want ErrRange", err)
	}
}

func TestBrokenBody(t *testing.T) {
	bothPaths(t, func(t *testing.T, settings Settings) {
		s := newS3(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "0123")
		}), settings)
		body, a, err := s.Open(t.Context(), object.Object{Bucket: "b", Key: "k"}, store.Range{})
		if err != nil || a.Size != 10 {
			t.Fatalf("size %d, error %v", a.Size, err)
		}
		defer body.Close()
		content, err := io.ReadAll(body)
		if string(content) != "0123" || fault.ReasonOf(err) != fault.Retry || !strings.HasPrefix(fmt.Sprint(err), "read s3://b/k: ") {
			t.Errorf("content %q, error %v; want 0123 and reason Retry", content, err)
		}
	})
}

// A refusal whose body breaks says nothing: which refusal it is stands in the
// body alone.
func TestBrokenRefusal(t *testing.T) {
	bothPaths(t, func(t *testing.T, settings Settings) {
		s := newS3(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, "<Error><Code>InvalidObj")
		}), settings)
		_, _, err := s.Open(t.Context(), object.Object{Bucket: "b", Key: "k"}, store.Range{})
		if fault.ReasonOf(err) != fault.Retry {
			t.Errorf("error %v has reason %q, want Retry", err, fault.ReasonOf(err))
		}
	})
}

func TestCancelledBodyReturnsAtOnce(t *testing.T) {
	bothPaths(t, func(t *testing.T, settings Settings) {
		release := make(chan struct{})
		s := newS3(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "0123")
			w.(http.Flusher).Flush()
			<-release
		}), settings)
		defer close(release)
		ctx, cancel := context.WithCancelCause(t.Context())
		body, _, err := s.Open(ctx, object.Object{Bucket: "b", Key: "k"}, store.Range{})
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		if _, err := io.ReadFull(body, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		lost := errors.New("lease lost")
		cancel(lost)
		if _, err := body.Read(make([]byte, 4)); err != lost {
			t.Errorf("error %v, want the cause", err)
		}
	})
}

// What has ended the work is not for a GET to judge, though it is an answer
// with status 400 of another service.
func TestOpenLeavesTheCauseAsItIs(t *testing.T) {
	bothPaths(t, func(t *testing.T, settings Settings) {
		var waits atomic.Bool
		s := newS3(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
			if waits.Load() {
				<-r.Context().Done()
			}
		}), settings)
		o := object.Object{Bucket: "b", Key: "k"}
		get(t, s, o, store.Range{})
		waits.Store(true)
		lost := &fault.Error{Kind: fault.API, Op: "ChangeMessageVisibility", Where: "queue work", Hint: "of a queue", Err: &apiError{answer: answer{
			status: http.StatusBadRequest, code: "ReceiptHandleIsInvalid", message: "no such one",
		}}}
		before := *lost
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(20*time.Millisecond, func() { cancel(lost) })
		_, _, err := s.Open(ctx, o, store.Range{})
		if err != error(lost) || lost.Reason != before.Reason || lost.Hint != before.Hint {
			t.Errorf("%v (reason %q), want the cause as it was", err, fault.ReasonOf(err))
		}
	})
}

// A body that is read to its end leaves its connection to the next GET, also
// one of an error, and also where the reader never sees io.EOF.
func TestConnectionsAreKept(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var conns atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/gone") {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, errorBody("NoSuchKey", "m", ""))
			return
		}
		w.Header().Set("Etag", `"e"`)
		io.WriteString(w, "0123456789")
	}))
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	s := newS3(t, srv.URL, Settings{})
	defer s.Close()
	for i := range 20 {
		key := []string{"there", "gone"}[i%2]
		body, _, err := s.Open(t.Context(), object.Object{Bucket: "b", Key: key}, store.Range{})
		if err != nil {
			continue
		}
		if _, err := io.ReadFull(body, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		if err := body.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if conns.Load() != 1 {
		t.Errorf("%d connections for 20 GETs", conns.Load())
	}
	if _, err := s.Head(t.Context(), object.Object{Bucket: "b", Key: "there"}); err != nil {
		t.Error(err)
	}
}
