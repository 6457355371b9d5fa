package aws

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func FuzzRefusal(f *testing.F) {
	for _, r := range refusals {
		f.Add(r.status, r.body)
	}
	f.Add(403, errorBody("RequestTimeTooSkewed", "m", "<ServerTime>2026-11-23T11:36:13Z</ServerTime>"))
	f.Add(500, "<Error><Code>")
	f.Fuzz(func(t *testing.T, status int, text string) {
		body := &closes{Reader: strings.NewReader(text)}
		a, err := refusal(&http.Response{StatusCode: status, Header: http.Header{"X-Amz-Request-Id": {"R"}}, Body: body})
		if err != nil || !body.closed || a.status != status || a.requestID != "R" {
			t.Errorf("closed %t, %+v", body.closed, a)
		}
		if v := judge(a); v.throttled && v.reason != "Retry" {
			t.Errorf("throttled with reason %q", v.reason)
		}
		if m := (&apiError{answer: a}).Error(); a.code != "" && !strings.HasPrefix(m, a.code) {
			t.Errorf("message %q of code %q", m, a.code)
		}
	})
}

type closes struct {
	io.Reader
	closed bool
}

func (c *closes) Close() error {
	c.closed = true
	return nil
}

func TestRefusalTellsTheServersTime(t *testing.T) {
	date := http.Header{"Date": {"Mon, 23 Nov 2026 10:00:00 GMT"}}
	for body, want := range map[string]string{
		"": "2026-11-23T10:00:00Z",
		errorBody("RequestTimeTooSkewed", "m", "<ServerTime>2026-11-23T11:36:13Z</ServerTime>"): "2026-11-23T11:36:13Z",
	} {
		a, err := refusal(&http.Response{StatusCode: 403, Header: date, Body: io.NopCloser(strings.NewReader(body))})
		if got := a.serverTime.Format(time.RFC3339); got != want || err != nil {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}
