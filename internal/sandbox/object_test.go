package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestPlanted(t *testing.T) {
	s := start(t, Options{})
	plant := func(key string, p Planted) string {
		t.Helper()
		etag, _, err := s.Plant("src", key, p)
		if err != nil {
			t.Fatal(err)
		}
		return `"` + etag + `"`
	}
	modified := time.Date(2017, 3, 30, 18, 6, 1, 999, time.UTC)
	etag := plant("old", Planted{Body: []byte("hello"), Checksum: "none", Modified: modified, StorageClass: "STANDARD_IA",
		Metadata: map[string]string{"Colour": "rött"}, Headers: map[string]string{"Content-Type": "text/x"}, Tags: map[string]string{"a": "b", "c": "d"}})
	h, body := want(t, 200, s, "GET", "/src/old", "", "x-amz-checksum-mode", "ENABLED")
	if body != "hello" || h.Get("ETag") != etag || etag != `"5d41402abc4b2a76b9719d911017c592"` || h.Get("Last-Modified") != "Thu, 30 Mar 2017 18:06:01 GMT" ||
		h.Get("x-amz-storage-class") != "STANDARD_IA" || h.Get("x-amz-meta-colour") != "=?UTF-8?b?csO2dHQ=?=" || h.Get("Content-Type") != "text/x" ||
		h.Get("x-amz-tagging-count") != "2" || h.Get("x-amz-checksum-crc64nvme") != "" || h.Get("x-amz-checksum-type") != "" {
		t.Errorf("%q %s %v", body, etag, h)
	}
	if h, _ := want(t, 200, s, "GET", "/src/old", "", "x-amz-checksum-mode", "ENABLED"); len(h.Values("x-amz-request-id")) != 1 {
		t.Errorf("%v", h)
	}

	// The ETag of parts, as an upload in parts gets it.
	small := start(t, Options{MinPartSize: 1})
	id := createUpload(t, small, "/src/k")
	completeUpload(t, small, "/src/k", id, []string{uploadPart(t, small, "/src/k", id, 1, "hel"), uploadPart(t, small, "/src/k", id, 2, "lo")})
	h, _ = want(t, 200, small, "HEAD", "/src/k", "")
	if got := plant("parts", Planted{Body: []byte("hello"), PartSize: 3}); got != h.Get("ETag") {
		t.Errorf("ETag %s in parts of 3, want %s", got, h.Get("ETag"))
	}

	if got := plant("kms", Planted{Body: []byte("hello"), KMS: true}); got == etag || len(got) != 34 {
		t.Errorf("ETag %s under a KMS key", got)
	}
	if h, _ := want(t, 200, s, "HEAD", "/src/kms", ""); h.Get("x-amz-server-side-encryption") != "aws:kms" {
		t.Errorf("%v", h)
	}
	plant("sha", Planted{Body: []byte("hello"), Checksum: "SHA256", ETag: "anything"})
	if h, _ := want(t, 200, s, "HEAD", "/src/sha", "", "x-amz-checksum-mode", "ENABLED"); h.Get("x-amz-checksum-sha256") != "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=" || h.Get("ETag") != `"anything"` {
		t.Errorf("%v", h)
	}
	for key, p := range map[string]Planted{"": {}, strings.Repeat("k", 1025): {}, "\xff": {}, "k": {Checksum: "MD4"}} {
		if _, _, err := s.Plant("src", key, p); err == nil {
			t.Errorf("%q %+v was planted", key, p)
		}
	}
	if _, _, err := s.Plant("nowhere", "k", Planted{}); err == nil {
		t.Error("planted nowhere")
	}
	if err := s.Delete("src", "old"); err != nil {
		t.Error(err)
	}
	want(t, 404, s, "GET", "/src/old", "")
	if err := s.Delete("nowhere", "k"); err == nil {
		t.Error("deleted from nowhere")
	}
}

func TestGeneratedObjectCostsNoMemory(t *testing.T) {
	s := start(t, Options{})
	if err := s.CreateBucket("void", BucketOptions{Discard: true}); err != nil {
		t.Fatal(err)
	}
	const size = 64 << 20
	g := Generated{Size: size, Seed: 1}
	if _, _, err := s.Plant("src", "big", Planted{Generated: &g, PartSize: 16 << 20}); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	want(t, 200, s, "PUT", "/void/big", "", "x-amz-copy-source", "/src/big")
	r, err := http.NewRequestWithContext(t.Context(), "PUT", s.URL()+"/void/put", io.NewSectionReader(g, 0, size))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = size
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	copied, _ := want(t, 200, s, "HEAD", "/void/big", "", "x-amz-checksum-mode", "ENABLED")
	if put := resp.Header.Get("x-amz-checksum-crc64nvme"); resp.StatusCode != 200 || put == "" || put != copied.Get("x-amz-checksum-crc64nvme") {
		t.Errorf("%s %s, the copy's %s", resp.Status, put, copied.Get("x-amz-checksum-crc64nvme"))
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > size/4 {
		t.Errorf("%d bytes were allocated for an object of %d", grown, size)
	}
}

func TestRestore(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	s := start(t, Options{RestoreHeads: 2, Now: func() time.Time { return now }})
	if _, _, err := s.Plant("src", "k", Planted{Body: []byte("cold"), StorageClass: "DEEP_ARCHIVE"}); err != nil {
		t.Fatal(err)
	}
	ask := func(status int, days, tier string) {
		t.Helper()
		want(t, status, s, "POST", "/src/k?restore", "<RestoreRequest><Days>"+days+"</Days><GlacierJobParameters><Tier>"+tier+"</Tier></GlacierJobParameters></RestoreRequest>")
	}
	head := func() string {
		t.Helper()
		h, _ := want(t, 200, s, "HEAD", "/src/k", "")
		return h.Get("x-amz-restore")
	}
	want(t, 403, s, "GET", "/src/k", "")
	if got := head(); got != "" {
		t.Errorf("nobody asked: %s", got)
	}
	ask(400, "2", "Expedited")
	ask(400, "0", "Standard")
	ask(202, "2", "Standard")
	ask(409, "2", "Standard")
	for range 2 {
		if got := head(); got != `ongoing-request="true"` {
			t.Error(got)
		}
	}
	if got := head(); got != `ongoing-request="false", expiry-date="Sat, 09 May 2026 00:00:00 GMT"` {
		t.Error(got)
	}
	want(t, 200, s, "GET", "/src/k", "")
	want(t, 200, s, "PUT", "/src/warm", "", "x-amz-copy-source", "/src/k")
	ask(200, "5", "Bulk")
	if got := head(); got != `ongoing-request="false", expiry-date="Tue, 12 May 2026 00:00:00 GMT"` {
		t.Error(got)
	}
	now = now.AddDate(0, 0, 7)
	want(t, 403, s, "GET", "/src/k", "")
	if h, body := want(t, 200, s, "GET", "/src/warm", ""); body != "cold" || h.Get("x-amz-storage-class") != "" {
		t.Errorf("%q %v", body, h)
	}
}

func TestCopyLimit(t *testing.T) {
	s := start(t, Options{MaxCopySize: 5, MinPartSize: 1})
	want(t, 200, s, "PUT", "/src/k", "012345")
	_, body := want(t, 400, s, "PUT", "/src/l", "", "x-amz-copy-source", "src/k")
	if !strings.Contains(body, "<Code>InvalidRequest</Code><Message>The specified copy source is larger than") {
		t.Error(body)
	}
	id := createUpload(t, s, "/src/l")
	path := "/src/l?partNumber=%d&uploadId=" + id
	want(t, 400, s, "PUT", fmt.Sprintf(path, 1), "", "x-amz-copy-source", "src/k")
	want(t, 200, s, "PUT", fmt.Sprintf(path, 1), "", "x-amz-copy-source", "src/k", "x-amz-copy-source-range", "bytes=0-4")
	want(t, 400, s, "PUT", fmt.Sprintf(path, 2), "", "x-amz-copy-source", "src/k", "x-amz-copy-source-range", "bytes=5-6")
}

func TestCopyOfPartsIsOnePart(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		s := start(t, Options{Dir: dir})
		if _, _, err := s.Plant("src", "k", Planted{Body: []byte("hello"), PartSize: 3, Checksum: "none"}); err != nil {
			t.Fatal(err)
		}
		_, body := want(t, 200, s, "PUT", "/src/l", "", "x-amz-copy-source", "src/k", "x-amz-checksum-algorithm", "CRC32")
		if !strings.Contains(body, "5d41402abc4b2a76b9719d911017c592") || !strings.Contains(body, "<ChecksumCRC32>NhCmhg==</ChecksumCRC32><ChecksumType>FULL_OBJECT") {
			t.Error(body)
		}
		want(t, 400, s, "PUT", "/src/m", "", "x-amz-copy-source", "src/k", "x-amz-checksum-algorithm", "MD4")
		want(t, 204, s, "DELETE", "/src/k", "")
		if _, body := want(t, 200, s, "GET", "/src/l", ""); body != "hello" {
			t.Errorf("%q", body)
		}
	}
}

func TestNotify(t *testing.T) {
	s := start(t, Options{MinPartSize: 1})
	var bodies []string
	s.Notify("src", "in box/", ".index", func(body string) {
		// The object is there when its event is.
		if _, body, err := do(t, s, "GET", "/src/in%20box/x+y%C3%BC.0.index", ""); err != nil || body == "" {
			t.Errorf("%q, %v", body, err)
		}
		bodies = append(bodies, body)
	})
	want(t, 200, s, "PUT", "/src/in%20box/x+y%C3%BC.0.index", "hello")
	want(t, 200, s, "PUT", "/src/in%20box/x.tar", "")
	want(t, 200, s, "PUT", "/src/x.index", "")
	want(t, 200, s, "PUT", "/src/in%20box/copy.index", "", "x-amz-copy-source", "/src/x.index")
	id := createUpload(t, s, "/src/in%20box/parts.index")
	completeUpload(t, s, "/src/in%20box/parts.index", id, []string{uploadPart(t, s, "/src/in%20box/parts.index", id, 1, "x")})
	var got []string
	last := ""
	for _, body := range bodies {
		var message struct {
			Records []struct {
				EventVersion, EventSource, EventName, EventTime, AwsRegion string
				S3                                                         struct {
					Bucket struct{ Name, Arn string }
					Object struct {
						Key, ETag, Sequencer string
						Size                 int64
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(body), &message); err != nil || len(message.Records) != 1 {
			t.Fatalf("%s: %v", body, err)
		}
		r := message.Records[0]
		if _, err := time.Parse(time.RFC3339, r.EventTime); err != nil || r.EventSource != "aws:s3" || r.EventVersion != "2.1" || r.S3.Bucket.Arn != "arn:aws:s3:::src" {
			t.Errorf("%+v", r)
		}
		if r.S3.Object.Sequencer <= last {
			t.Errorf("sequencer %s after %s", r.S3.Object.Sequencer, last)
		}
		last = r.S3.Object.Sequencer
		got = append(got, fmt.Sprintf("%s %s %d", r.EventName, r.S3.Object.Key, r.S3.Object.Size))
	}
	wanted := "[ObjectCreated:Put in+box/x%2By%C3%BC.0.index 5 ObjectCreated:Copy in+box/copy.index 0 ObjectCreated:CompleteMultipartUpload in+box/parts.index 1]"
	if fmt.Sprint(got) != wanted {
		t.Errorf("%v", got)
	}
}
