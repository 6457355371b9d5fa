package aws

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// newS3 makes a client of an endpoint, with keys that any server of these tests
// takes and nothing of the machine's own configuration.
func newS3(t testing.TB, endpoint string, settings Settings) *S3 {
	t.Helper()
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "eu-west-1")
	settings.EndpointURL = endpoint
	cfg, err := Load(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	if settings.VirtualHosts {
		// Every host name is the server's.
		addr := strings.TrimPrefix(endpoint, "http://")
		dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		cfg.raw.BaseEndpoint, cfg.raw.ConfigSources = str("http://s3.test"), nil
		cfg.raw.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: dial}}
		s := NewS3(cfg)
		t.Cleanup(s.Close)
		return s
	}
	s := NewS3(cfg)
	t.Cleanup(s.Close)
	return s
}

// serve runs a server for one test.
func serve(t testing.TB, h http.HandlerFunc) (endpoint string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"e"`) // which S3 never leaves out
		h(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// bothPaths runs a test on this package's GETs and on the SDK's.
func bothPaths(t *testing.T, test func(t *testing.T, settings Settings)) {
	t.Run("own", func(t *testing.T) { test(t, Settings{}) })
	t.Run("sdk", func(t *testing.T) { test(t, Settings{SDKGet: true}) })
}
