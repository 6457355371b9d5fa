package aws

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

func TestCABundle(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 {
			t.Errorf("asked by %s", r.Proto)
		}
		w.Header().Set("Etag", `"e"`)
		io.WriteString(w, "hello")
	}))
	defer srv.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	o := object.Object{Bucket: "b", Key: "k"}
	bothPaths(t, func(t *testing.T, settings Settings) {
		_, _, err := newS3(t, srv.URL, settings).Open(t.Context(), o, store.Range{})
		if fault.ReasonOf(err) != "" || err == nil || !strings.Contains(err.Error(), "AWS_CA_BUNDLE") {
			t.Errorf("without the authority: %v of reason %q; want a hint at AWS_CA_BUNDLE", err, fault.ReasonOf(err))
		}
		t.Setenv("AWS_CA_BUNDLE", bundle)
		if content, _ := get(t, newS3(t, srv.URL, settings), o, store.Range{}); content != "hello" {
			t.Errorf("content %q", content)
		}
	})
}
