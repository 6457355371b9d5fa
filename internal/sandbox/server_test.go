package sandbox

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// start gives a server for one test, with a bucket named "src".
func start(t *testing.T, opt Options) *Server {
	t.Helper()
	s, err := Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.CreateBucket("src", BucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// do sends a request and gives the answer with its body; the body's error is
// returned, for answers that are cut.
func do(t *testing.T, s *Server, method, path, body string, header ...string) (*http.Response, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

// want sends a request that must be answered with status, and gives the rest.
func want(t *testing.T, status int, s *Server, method, path, body string, header ...string) (http.Header, string) {
	t.Helper()
	resp, got, err := do(t, s, method, path, body, header...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if resp.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d: %s", method, path, resp.StatusCode, status, got)
	}
	return resp.Header, got
}

func TestPutGet(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		s := start(t, Options{Dir: dir})
		h, _ := want(t, 200, s, "PUT", "/src/a/b%20c", "hello", "x-amz-meta-colour", "red", "x-amz-tagging", "k=v")
		if got := h.Get("ETag"); got != `"5d41402abc4b2a76b9719d911017c592"` {
			t.Errorf("ETag %s", got)
		}
		h, body := want(t, 200, s, "GET", "/src/a/b%20c", "", "x-amz-checksum-mode", "ENABLED")
		if body != "hello" || h.Get("x-amz-meta-colour") != "red" || h.Get("x-amz-tagging-count") != "1" ||
			h.Get("x-amz-checksum-crc64nvme") == "" || h.Get("x-amz-checksum-type") != "FULL_OBJECT" {
			t.Errorf("%q %v", body, h)
		}
		_, body = want(t, 206, s, "GET", "/src/a/b%20c", "", "Range", "bytes=1-3")
		if body != "ell" {
			t.Errorf("range: %q", body)
		}
		_, body = want(t, 200, s, "GET", "/a/b%20c", "", "Host", "src.localhost:1")
		if body != "hello" {
			t.Errorf("virtual host: %q", body)
		}
		_, body = want(t, 404, s, "GET", "/src/nothing", "")
		if !strings.Contains(body, "<Code>NoSuchKey</Code>") {
			t.Error(body)
		}
		_, body = want(t, 200, s, "GET", "/src?list-type=2", "")
		if !strings.Contains(body, "<Key>a/b c</Key>") {
			t.Error(body)
		}
	}
}
