package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// s3 serves objects of 1,000 bytes, of which each is its object's number, and
// keeps the parts that are sent to it.
type s3 struct {
	mu    sync.Mutex
	gets  []string
	parts map[int]string
}

func (s *s3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Method == http.MethodPost {
		_, _ = io.WriteString(w, "<Result><UploadId>u-1</UploadId></Result>")
		return
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=") {
		http.Error(w, "not signed", http.StatusForbidden)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodPut {
		n, err := strconv.Atoi(r.URL.Query().Get("partNumber"))
		if err == nil && r.URL.Query().Get("uploadId") == "u-1" {
			s.parts[n] = string(body)
		}
		return
	}
	s.gets = append(s.gets, r.URL.Path+" "+r.Header.Get("Range"))
	number := strings.TrimSuffix(r.URL.Path, ".bin")
	digit := number[len(number)-1:]
	http.ServeContent(w, r, "", time.Unix(0, 0), strings.NewReader(strings.Repeat(digit, 1000)))
}

func TestGet(t *testing.T) {
	s := &s3{}
	server := httptest.NewServer(s)
	defer server.Close()
	err := run(t.Context(), "get", work{endpoint: server.URL, bucket: "b", objects: 5, size: 1000, inFlight: 3})
	slices.Sort(s.gets)
	if err != nil || len(s.gets) != 5 || s.gets[4] != "/b/logs/004/obj-000004.bin " {
		t.Errorf("%v, %q", err, s.gets)
	}
	if err := run(t.Context(), "get", work{endpoint: server.URL, bucket: "b", objects: 5, size: 999, inFlight: 3}); err == nil {
		t.Error("an answer of another size was taken")
	}
	if err := run(t.Context(), "sleep", work{endpoint: server.URL}); err == nil {
		t.Error("sleep is no loop")
	}
}

// TestRelay holds the loop to the bytes it must move: all, once, in order.
func TestRelay(t *testing.T) {
	s := &s3{parts: map[int]string{}}
	server := httptest.NewServer(s)
	defer server.Close()
	w := work{endpoint: server.URL, bucket: "b", to: "to", objects: 4, size: 1000, inFlight: 2, chunk: 300, part: 1200}
	if err := run(t.Context(), "relay", w); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for n := 1; n <= len(s.parts); n++ {
		all.WriteString(s.parts[n])
	}
	want := ""
	for _, digit := range "0123" {
		want += strings.Repeat(string(digit), 1000)
	}
	if all.String() != want || len(s.parts) != 4 {
		t.Errorf("%d bytes in %d parts, want %d in 4", all.Len(), len(s.parts), len(want))
	}
	if !slices.Contains(s.gets, "/b/logs/000/obj-000000.bin bytes=900-999") {
		t.Errorf("no range ends with its object: %q", s.gets)
	}
}
