package aws

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// Where a proxy stands between, or others are signed for, GETs go through the
// SDK's client.
func TestGetterServes(t *testing.T) {
	proxied := func(r *http.Request) (*url.URL, error) {
		switch r.URL.Hostname() {
		case "direct.test":
			return nil, nil
		case "broken.test":
			return nil, errors.New("invalid proxy address")
		}
		return &url.URL{Scheme: "http", Host: "proxy.test:3128"}, nil
	}
	for name, tt := range map[string]struct {
		endpoint *endpoint
		proxy    func(*http.Request) (*url.URL, error)
		want     bool
	}{
		"no proxy":         {&endpoint{scheme: "https", host: "b.test"}, nil, true},
		"foreign":          {&endpoint{scheme: "https", host: "b.test", foreign: true}, nil, false},
		"proxy":            {&endpoint{scheme: "https", host: "b.test"}, proxied, false},
		"proxy, port":      {&endpoint{scheme: "http", host: "b.test:9000"}, proxied, false},
		"not by the proxy": {&endpoint{scheme: "http", host: "direct.test:9000"}, proxied, true},
		"foreign, direct":  {&endpoint{scheme: "http", host: "direct.test", foreign: true}, proxied, false},
		"broken":           {&endpoint{scheme: "http", host: "broken.test"}, proxied, false},
	} {
		g := getter{proxy: tt.proxy}
		if got := g.serves(tt.endpoint); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// Nothing of a condition can become another header.
func TestOpenRefusesNoHeaderValue(t *testing.T) {
	asked := false
	s := newS3(t, serve(t, func(http.ResponseWriter, *http.Request) { asked = true }), Settings{})
	for _, etag := range []string{"a\r\nX-Amz-Request-Payer: requester", "a\x00", "\x7f"} {
		_, _, err := s.Open(t.Context(), object.Object{Bucket: "b", Key: "k", ETag: etag}, store.Range{})
		if err == nil || !strings.Contains(err.Error(), "no header value") || fault.KindOf(err) != fault.Download || asked {
			t.Errorf("%q: error %v, asked %t", etag, err, asked)
		}
	}
}
