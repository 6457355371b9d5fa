package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		head string
		want request
	}{
		{"GET /bin-10240/logs/000/obj-000001.bin HTTP/1.1\r\nHost: h\r\nRange: bytes=5-9\r\nIf-Match: \"e\"",
			request{method: []byte("GET"), bucket: []byte("bin-10240"), key: []byte("logs/000/obj-000001.bin"), ifMatch: []byte(`"e"`), rangeOf: []byte("bytes=5-9"), from: 5, to: 9}},
		{"GET /b/k HTTP/1.1\r\nrange: bytes=5-",
			request{method: []byte("GET"), bucket: []byte("b"), key: []byte("k"), rangeOf: []byte("bytes=5-"), from: 5, to: -1}},
		{"PUT /b/k?partNumber=1&uploadId=2 HTTP/1.1\r\nContent-Length: 16777216\r\nExpect: 100-continue\r\nX-Amz-Checksum-Crc64nvme: AAA=",
			request{method: []byte("PUT"), bucket: []byte("b"), key: []byte("k"), query: []byte("partNumber=1&uploadId=2"), length: 16 << 20, expect: true, sum: []byte("AAA=")}},
		{"PUT /b/k HTTP/1.1\r\nIf-None-Match: *\r\nx-amz-copy-source: c",
			request{method: []byte("PUT"), bucket: []byte("b"), key: []byte("k"), absent: true, copySource: true}},
		{"PUT /b HTTP/1.1", request{method: []byte("PUT"), bucket: []byte("b")}},
	} {
		var r request
		if err := r.parse([]byte(tt.head)); err != nil {
			t.Errorf("%q: %v", tt.head, err)
		}
		if diff := cmp.Diff(tt.want, r, cmp.AllowUnexported(request{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q:\n%s", tt.head, diff)
		}
	}
	for _, head := range []string{
		"", "GET", "GET /b/k", "GET /b/k HTTP/1.0", "GET b/k HTTP/1.1", "GET /b/k HTTP/1.1\r\nno colon",
		"PUT /b/k HTTP/1.1\r\nContent-Length: -1", "PUT /b/k HTTP/1.1\r\nTransfer-Encoding: chunked",
		"GET /b/k HTTP/1.1\r\nRange: bytes=-5", "GET /b/k HTTP/1.1\r\nRange: bytes=9-5", "GET /b/k HTTP/1.1\r\nRange: lines=1-2",
	} {
		if err := new(request).parse([]byte(head)); err == nil {
			t.Errorf("%q was taken", head)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("GET /b/k?q HTTP/1.1\r\nRange: bytes=0-1\r\nContent-Length: 3"))
	f.Add([]byte("PUT /b HTTP/1.1\r\nExpect: 100-continue"))
	f.Fuzz(func(t *testing.T, head []byte) {
		var r request
		if r.parse(head) != nil {
			return
		}
		if r.length < 0 || r.from < 0 || r.to >= 0 && r.to < r.from {
			t.Errorf("%q: length %d, range %d-%d", head, r.length, r.from, r.to)
		}
	})
}

func TestParseSource(t *testing.T) {
	for name, want := range map[string]bool{
		"bin-10240": true, "text-0": true, "bin-2000000000-multipart": true,
		"bin": false, "bin-": false, "bin--1": false, "bin-1-other": false, "archive": false, "kept-1": false,
	} {
		if _, _, _, ok := parseSource(name); ok != want {
			t.Errorf("%s: %v, want %v", name, ok, want)
		}
	}
	kind, size, multipart, _ := parseSource("text-77-multipart")
	if kind != "text" || size != 77 || !multipart {
		t.Errorf("got %s, %d, %v", kind, size, multipart)
	}
}

func TestObjectsAreTheirNumbers(t *testing.T) {
	s := newSource([]byte(strings.Repeat("abcdefg", 100)), 10, false)
	if len(s.variants) != 70 {
		t.Fatalf("%d variants, want 70", len(s.variants))
	}
	for key, want := range map[string]int64{"obj-000000.bin": 0, "logs/007/obj-000007.bin": 70, "72": 20, "no number": 0, "": 0} {
		if v := s.object([]byte(key)); v.start != want {
			t.Errorf("%q starts at %d, want %d", key, v.start, want)
		}
	}
}
