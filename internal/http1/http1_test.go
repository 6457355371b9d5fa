package http1

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var origin = Origin{Scheme: "http", Host: "s3.test"}

const request = "GET /b/k HTTP/1.1\r\nHost: s3.test\r\n\r\n"

// servers gives a client whose connections are served by serve, one call for
// each, with the connection's number from 1.
func servers(t *testing.T, serve func(n int32, r *bufio.Reader, c net.Conn)) (*Client, *atomic.Int32) {
	t.Helper()
	dials := new(atomic.Int32)
	c := &Client{MaxIdle: 2, Idle: time.Minute}
	c.Dial = func(context.Context, Origin) (net.Conn, error) {
		near, far := net.Pipe()
		n := dials.Add(1)
		go func() {
			defer far.Close()
			serve(n, bufio.NewReader(far), far)
		}()
		return near, nil
	}
	t.Cleanup(c.CloseIdle)
	return c, dials
}

// answers serves each request of a connection with the next of texts.
func answers(texts ...string) func(int32, *bufio.Reader, net.Conn) {
	return func(_ int32, r *bufio.Reader, c net.Conn) {
		for _, text := range texts {
			if readRequest(r) != nil || text == "" {
				return
			}
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

func readRequest(r *bufio.Reader) error {
	req, err := http.ReadRequest(r)
	if err == nil && req.RequestURI != "/b/k" {
		err = errors.New("another request: " + req.RequestURI)
	}
	return err
}

func do(t *testing.T, c *Client) (*http.Response, string, error) {
	t.Helper()
	res, err := c.Do(t.Context(), origin, []byte(request), nil)
	if err != nil {
		return nil, "", err
	}
	content, err := io.ReadAll(res.Body)
	if cerr := res.Body.Close(); cerr != nil {
		t.Error(cerr)
	}
	return res, string(content), err
}

func TestAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	long := strings.Repeat("0123456789", 5000)
	for name, tt := range map[string]struct {
		text    string
		status  int
		header  http.Header
		content string
		kept    bool
	}{
		"length":       {ok + "ETag: \"e\"\r\nContent-Length: 5\r\n\r\nhello", 200, http.Header{"Etag": {`"e"`}, "Content-Length": {"5"}}, "hello", true},
		"long":         {ok + "content-length: 50000\r\n\r\n" + long, 200, http.Header{"Content-Length": {"50000"}}, long, true},
		"long head":    {ok + "X-Amz-Meta-Long: " + long + "\r\nContent-Length: 0\r\n\r\n", 200, http.Header{"X-Amz-Meta-Long": {long}, "Content-Length": {"0"}}, "", true},
		"names":        {ok + "x-amz-meta-A-b:  v \t\r\nX-AMZ-REQUEST-ID:1\r\nContent-Length:0\r\n\r\n", 200, http.Header{"X-Amz-Meta-A-B": {"v"}, "X-Amz-Request-Id": {"1"}, "Content-Length": {"0"}}, "", true},
		"twice":        {ok + "X-Amz-Meta-A: 1\r\nX-Amz-Meta-B: 2\r\nX-Amz-Meta-A: 3\r\nContent-Length: 0\r\n\r\n", 200, http.Header{"X-Amz-Meta-A": {"1", "3"}, "X-Amz-Meta-B": {"2"}, "Content-Length": {"0"}}, "", true},
		"no reason":    {"HTTP/1.1 404\r\nContent-Length: 2\r\n\r\nno", 404, http.Header{"Content-Length": {"2"}}, "no", true},
		"bare newline": {"HTTP/1.1 200 OK\nContent-Length: 1\n\nx", 200, http.Header{"Content-Length": {"1"}}, "x", true},
		"chunked":      {"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", 403, http.Header{"Transfer-Encoding": {"chunked"}}, "hello!", true},
		"trailer":      {ok + "Transfer-Encoding: Chunked\r\n\r\n1;x=y\r\nz\r\n0\r\nX-Amz-Checksum-Crc32: AAAAAA==\r\n\r\n", 200, http.Header{"Transfer-Encoding": {"Chunked"}}, "z", true},
		"interim":      {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 1\r\n\r\nx", 200, http.Header{"Content-Length": {"1"}}, "x", true},
		"no content":   {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, http.Header{"Content-Length": {"9"}}, "", true},
		"close":        {ok + "Connection: keep, CLOSE\r\nContent-Length: 1\r\n\r\nx", 200, http.Header{"Connection": {"keep, CLOSE"}, "Content-Length": {"1"}}, "x", false},
		"to the end":   {ok + "\r\nall of it", 200, http.Header{}, "all of it", false},
		"old":          {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, http.Header{"Content-Length": {"1"}}, "x", false},
		"both":         {ok + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, http.Header{"Content-Length": {"3"}, "Transfer-Encoding": {"chunked"}}, "x", false},
		"more sent":    {ok + "Content-Length: 1\r\n\r\nxy", 200, http.Header{"Content-Length": {"1"}}, "x", false},
		"more chunks":  {ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nHTTP", 200, http.Header{"Transfer-Encoding": {"chunked"}}, "x", false},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := servers(t, answers(tt.text))
			res, content, err := do(t, c)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != tt.status || content != tt.content {
				t.Errorf("status %d, content %.40q", res.StatusCode, content)
			}
			if diff := cmp.Diff(tt.header, res.Header); diff != "" {
				t.Error(diff)
			}
			if kept := len(c.idle[origin]) == 1; kept != tt.kept {
				t.Errorf("the connection was kept: %t", kept)
			}
		})
	}
}

func TestBrokenAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":          {"", "EOF"},
		"half a head":      {ok + "Content-Len", "unexpected EOF"},
		"half a body":      {ok + "Content-Length: 5\r\n\r\nhel", "unexpected EOF"},
		"half a chunk":     {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "unexpected EOF"},
		"no last chunk":    {ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", "unexpected EOF"},
		"no empty line":    {ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", "unexpected EOF"},
		"no HTTP":          {"SSH-2.0-OpenSSH\r\n\r\n", "no status line"},
		"another version":  {"HTTP/2.0 200 OK\r\n\r\n", "no status line"},
		"status":           {"HTTP/1.1 2x0 OK\r\n\r\n", "no status line"},
		"small status":     {"HTTP/1.1 099 OK\r\n\r\n", "no status line"},
		"long status":      {"HTTP/1.1 2000 OK\r\n\r\n", "no status line"},
		"another protocol": {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "another protocol"},
		"no colon":         {ok + "Content-Length\r\n\r\n", "no header field"},
		"no name":          {ok + ": 1\r\n\r\n", "no header field"},
		"space in front":   {ok + "A: 1\r\n folded\r\n\r\n", "no header field"},
		"space behind":     {ok + "Content-Length : 1\r\n\r\nx", "no header field"},
		"length":           {ok + "Content-Length: -1\r\n\r\n", "Content-Length"},
		"lengths":          {ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "Content-Length"},
		"huge length":      {ok + "Content-Length: 9223372036854775808\r\n\r\n", "Content-Length"},
		"coding":           {ok + "Transfer-Encoding: gzip\r\n\r\n", "Transfer-Encoding"},
		"endless head":     {ok + strings.Repeat("A: 0123456789\r\n", 20_000), "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := servers(t, answers(tt.text))
			_, _, err := do(t, c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
			if len(c.idle[origin]) > 0 {
				t.Error("the connection was kept")
			}
		})
	}
}

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

func TestConnectionsAreKept(t *testing.T) {
	c, dials := servers(t, answers(hello, hello, hello))
	var kept []string
	for range 3 {
		res, err := c.Do(t.Context(), origin, []byte(request), nil)
		if err != nil {
			t.Fatal(err)
		}
		// Nobody waits for io.EOF who knows the length.
		b := make([]byte, 5)
		if _, err := io.ReadFull(res.Body, b); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, string(b)+res.Header.Get("Content-Length"))
		res.Body.Close()
		res.Body.Close() // which does nothing
		if _, err := res.Body.Read(b); err == nil {
			t.Error("a closed body was read")
		}
	}
	if !slices.Equal(kept, []string{"hello5", "hello5", "hello5"}) || dials.Load() != 1 {
		t.Errorf("%q over %d connections", kept, dials.Load())
	}
}

// What is not read to its end takes its connection with it, and the connections
// to one server do not serve another.
func TestConnectionsAreNotKept(t *testing.T) {
	c, dials := servers(t, answers(hello, hello))
	res, err := c.Do(t.Context(), origin, []byte(request), nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if _, content, err := do(t, c); content != "hello" || err != nil || dials.Load() != 2 {
		t.Errorf("%q, %v over %d connections", content, err, dials.Load())
	}
	if _, err := c.Do(t.Context(), Origin{Scheme: "https", Host: origin.Host}, []byte(request), nil); err != nil || dials.Load() != 3 {
		t.Errorf("%v over %d connections", err, dials.Load())
	}
}

// A server may end an idle connection at any time.
func TestEndedConnectionIsReplaced(t *testing.T) {
	c, dials := servers(t, func(n int32, r *bufio.Reader, conn net.Conn) {
		answers(hello)(n, r, conn)
	})
	for i := range 3 {
		if _, content, err := do(t, c); content != "hello" || err != nil {
			t.Errorf("request %d: %q, %v", i, content, err)
		}
	}
	if dials.Load() != 3 {
		t.Errorf("%d connections", dials.Load())
	}
}

// A body goes behind its head.
func TestBody(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 400_000)
	head := fmt.Appendf(nil, "PUT /b/k HTTP/1.1\r\nHost: s3.test\r\nContent-Length: %d\r\n\r\n", len(content))
	var whole atomic.Int32
	c, dials := servers(t, func(_ int32, r *bufio.Reader, conn net.Conn) {
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if got, err := io.ReadAll(req.Body); err == nil && bytes.Equal(got, content) {
				whole.Add(1)
			}
			_, _ = io.WriteString(conn, hello)
		}
	})
	for range 2 {
		res, err := c.Do(t.Context(), origin, head, content)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(res.Body)
		res.Body.Close()
	}
	if whole.Load() != 2 || dials.Load() != 1 {
		t.Errorf("%d of 2 came whole, over %d connections", whole.Load(), dials.Load())
	}
}

// refusing is a connection whose other end has answered, and closed, before it
// has read what is written.
type refusing struct {
	net.Conn
	answer io.Reader
}

func (r *refusing) Write(p []byte) (int, error) { return min(len(p), 10), syscall.EPIPE }
func (r *refusing) Read(p []byte) (int, error)  { return r.answer.Read(p) }
func (r *refusing) Close() error                { return nil }

func (r *refusing) SetWriteDeadline(time.Time) error { return nil }

func TestBodyIsRefused(t *testing.T) {
	for answer, want := range map[string]int{"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno": 403, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno": 0, "": 0, "HTTP/1.1 4": 0} {
		dials := 0
		c := &Client{MaxIdle: 2, Idle: time.Minute, Dial: func(context.Context, Origin) (net.Conn, error) {
			dials++
			return &refusing{answer: strings.NewReader(answer)}, nil
		}}
		for range 2 {
			res, err := c.Do(t.Context(), origin, []byte("PUT /b/k HTTP/1.1\r\n\r\n"), []byte("hello"))
			switch {
			case want == 0 && err != syscall.EPIPE:
				t.Errorf("%q: error %v", answer, err)
			case want != 0 && (err != nil || res.StatusCode != want):
				t.Errorf("%q: %+v, %v", answer, res, err)
			case want != 0:
				_, _ = io.ReadAll(res.Body)
				res.Body.Close()
			}
		}
		if dials != 2 {
			t.Errorf("%q: %d connections, want a new one each time", answer, dials)
		}
	}
}

// A server that has refused a body may leave it unread, and the connection open.
func TestBodyIsLeftUnread(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 503 Slow Down\r\nContent-Length: 2\r\n\r\nno": "503 no",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno":        errUnread.Error(),
		"SSH-2.0-OpenSSH\r\n\r\n":                               "malformed answer: " + errStatus.Error(),
	} {
		gone := make(chan struct{})
		c, _ := servers(t, func(_ int32, r *bufio.Reader, conn net.Conn) {
			_, _ = http.ReadRequest(r)
			_, _ = io.WriteString(conn, answer)
			<-gone
		})
		got := ""
		res, err := c.Do(t.Context(), origin, []byte("PUT /b/k HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n"), make([]byte, 1_000_000))
		if err != nil {
			got = err.Error()
		} else {
			content, _ := io.ReadAll(res.Body)
			got = fmt.Sprint(res.StatusCode, " ", string(content))
			res.Body.Close()
		}
		close(gone)
		if got != want || len(c.idle[origin]) > 0 {
			t.Errorf("%q: %s, want %s; %d connections kept", answer, got, want, len(c.idle[origin]))
		}
	}
}

// An answer that began is not asked for again: the caller decides.
func TestBrokenAnswerIsNotAskedForAgain(t *testing.T) {
	c, dials := servers(t, answers(hello, "HTTP/1.1 200 OK\r\nCont"))
	if _, _, err := do(t, c); err != nil {
		t.Fatal(err)
	}
	if _, _, err := do(t, c); !errors.Is(err, io.ErrUnexpectedEOF) || dials.Load() != 1 {
		t.Errorf("error %v over %d connections", err, dials.Load())
	}
}

func TestEndOfContext(t *testing.T) {
	lost := errors.New("lease lost")
	silent := func(text string) func(int32, *bufio.Reader, net.Conn) {
		return func(n int32, r *bufio.Reader, c net.Conn) {
			answers(text)(n, r, c)
			_, _ = r.ReadByte() // until the client goes
		}
	}
	t.Run("before", func(t *testing.T) {
		c, dials := servers(t, answers(hello))
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(lost)
		if _, err := c.Do(ctx, origin, []byte(request), nil); err != lost || dials.Load() != 0 {
			t.Errorf("error %v, %d connections", err, dials.Load())
		}
	})
	t.Run("no answer", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		c, dials := servers(t, func(_ int32, r *bufio.Reader, _ net.Conn) {
			_ = readRequest(r)
			cancel(lost)
			_, _ = r.ReadByte()
		})
		if _, err := c.Do(ctx, origin, []byte(request), nil); err != lost || dials.Load() != 1 {
			t.Errorf("error %v, %d connections", err, dials.Load())
		}
	})
	t.Run("in the body", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		c, _ := servers(t, silent("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"))
		res, err := c.Do(ctx, origin, []byte(request), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(res.Body, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		cancel(lost)
		if _, err := res.Body.Read(make([]byte, 3)); err == nil {
			t.Error("the body goes on")
		}
		res.Body.Close()
	})
	t.Run("after", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		c, dials := servers(t, answers(hello, hello))
		res, err := c.Do(ctx, origin, []byte(request), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(res.Body)
		res.Body.Close()
		cancel(lost)
		if _, content, err := do(t, c); content != "hello" || err != nil || dials.Load() != 1 {
			t.Errorf("%q, %v over %d connections", content, err, dials.Load())
		}
	})
}

func TestDialFails(t *testing.T) {
	refused := errors.New("refused")
	c := &Client{Dial: func(context.Context, Origin) (net.Conn, error) { return nil, refused }}
	if _, err := c.Do(t.Context(), origin, []byte(request), nil); err != refused {
		t.Errorf("error %v", err)
	}
}

// No more than MaxIdle connections are kept, and none for longer than Idle.
func TestIdleConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int32
		c, _ := servers(t, func(n int32, r *bufio.Reader, conn net.Conn) {
			open.Add(1)
			defer open.Add(-1)
			answers(slices.Repeat([]string{hello}, 9)...)(n, r, conn)
		})
		take := func() *http.Response {
			res, err := c.Do(t.Context(), origin, []byte(request), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.ReadAll(res.Body)
			return res
		}
		check := func(want int32) {
			t.Helper()
			synctest.Wait()
			if open.Load() != want {
				t.Errorf("%d connections are open, want %d", open.Load(), want)
			}
		}
		all := []*http.Response{take(), take(), take()}
		for _, res := range all {
			res.Body.Close()
		}
		check(2)
		time.Sleep(40 * time.Second)
		take().Body.Close() // by the last one
		time.Sleep(30 * time.Second)
		check(1)
		time.Sleep(29 * time.Second)
		check(1)
		time.Sleep(2 * time.Second)
		check(0)
		if c.sweep != nil {
			t.Error("there is nothing to look after")
		}
	})
}

// FuzzAnswer holds what is read to what net/http reads.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		hello, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		"HTTP/1.0 404 No\r\n\r\nx", "HTTP/1.1 100 Continue\r\n\r\n" + hello, "HTTP/1.1 200 OK\r\nA: 1\r\n 2\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		near, far := net.Pipe()
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			defer far.Close()
			if readRequest(bufio.NewReader(far)) == nil {
				_, _ = far.Write(text)
			}
		}()
		c := &Client{MaxIdle: 1, Idle: time.Minute, Dial: func(context.Context, Origin) (net.Conn, error) { return near, nil }}
		res, err := c.Do(t.Context(), origin, []byte(request), nil)
		if err == nil {
			content, readErr := io.ReadAll(res.Body)
			compare(t, text, res, content, readErr)
			res.Body.Close()
		}
		c.CloseIdle()
		near.Close()
		<-sent
	})
}

// compare fails if net/http reads another answer out of text.
func compare(t *testing.T, text []byte, res *http.Response, content []byte, readErr error) {
	r := bufio.NewReader(bytes.NewReader(text))
	want, err := http.ReadResponse(r, nil)
	for err == nil && want.StatusCode < 200 {
		want, err = http.ReadResponse(r, nil)
	}
	if err != nil {
		return // net/http is more particular about what no server sends
	}
	if res.StatusCode != want.StatusCode {
		t.Errorf("status %d, want %d", res.StatusCode, want.StatusCode)
	}
	wantContent, wantErr := io.ReadAll(want.Body)
	if readErr == nil && wantErr == nil && !bytes.Equal(content, wantContent) {
		t.Errorf("content %q, want %q", content, wantContent)
	}
	if wantErr != nil && readErr == nil && len(content) != len(wantContent) {
		t.Errorf("content %q was taken for whole; net/http says %v", content, wantErr)
	}
}
