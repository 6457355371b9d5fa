package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestRows lists two pages, and reads each index once and nothing else.
func TestRows(t *testing.T) {
	var mu sync.Mutex
	var got []string
	body := "a,b,c,d\ne,f,g,h\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.RequestURI() {
		case "/b?list-type=2&continuation-token=":
			_, _ = io.WriteString(w, "<R><Contents><Key>x%2F1.index</Key></Contents><Contents><Key>x%2F1.tar</Key></Contents><NextContinuationToken>n+1</NextContinuationToken></R>")
		case "/b?list-type=2&continuation-token=n%2B1":
			_, _ = io.WriteString(w, "<R><Contents><Key>x%2F2.index</Key></Contents></R>")
		default:
			mu.Lock()
			defer mu.Unlock()
			got = append(got, r.URL.Path)
			_, _ = io.WriteString(w, body)
		}
	}))
	defer server.Close()
	err := run(t.Context(), "rows", work{endpoint: server.URL, bucket: "b", objects: 2, inFlight: 2})
	if slices.Sort(got); err != nil || !slices.Equal(got, []string{"/b/x/1.index", "/b/x/2.index"}) {
		t.Errorf("%v, %q", err, got)
	}
	if err := run(t.Context(), "rows", work{endpoint: server.URL, bucket: "b", objects: 3, inFlight: 2}); err == nil {
		t.Error("an index is missing, and it did not fail")
	}
	if body = strings.Repeat("no index\n", 9); run(t.Context(), "rows", work{endpoint: server.URL, bucket: "b", objects: 2, inFlight: 2}) == nil {
		t.Error("an index without fields was taken")
	}
}
