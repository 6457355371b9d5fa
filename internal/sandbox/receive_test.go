package sandbox

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestBodiesRefused(t *testing.T) {
	s := start(t, Options{})
	for _, c := range []struct {
		name, body, code string
		header           []string
	}{
		{"another payload hash", "hello", "XAmzContentSHA256Mismatch", []string{"x-amz-content-sha256", emptySHA256}},
		{"two checksums", "hello", "InvalidRequest", []string{"x-amz-checksum-crc32", "AAAAAA==", "x-amz-checksum-sha1", "AAAA"}},
		{"a checksum of the wrong length", "hello", "InvalidRequest", []string{"x-amz-checksum-crc32", "AAAA"}},
		{"another checksum", "hello", "BadDigest", []string{"x-amz-checksum-crc32", "AAAAAA=="}},
		{"another MD5", "hello", "BadDigest", []string{"Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="}},
		{"no MD5", "hello", "InvalidDigest", []string{"Content-MD5", "1B2M2Y8="}},
		{"a trailer without chunks", "hello", "InvalidRequest", []string{"x-amz-trailer", "x-amz-checksum-crc32"}},
		{"a trailer of no kind", "0\r\n\r\n", "InvalidRequest", []string{"x-amz-trailer", "x-amz-mood",
			"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length", "0"}},
		{"chunks of no kind", "0\r\n\r\n", "InvalidArgument", []string{"x-amz-content-sha256", "STREAMING-NONSENSE", "x-amz-decoded-content-length", "0"}},
		{"chunks without a length", "0\r\n\r\n", "MissingContentLength", []string{"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}},
		{"fewer bytes in chunks", "5\r\nhello\r\n0\r\n\r\n", "IncompleteBody", []string{"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
			"x-amz-decoded-content-length", "6"}},
		{"a trailer that is not there", "5\r\nhello\r\n0\r\n\r\n", "InvalidRequest", []string{"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
			"x-amz-decoded-content-length", "5", "x-amz-trailer", "x-amz-checksum-crc32"}},
		{"another checksum in the trailer", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "BadDigest", []string{
			"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length", "5", "x-amz-trailer", "x-amz-checksum-crc32"}},
		{"too much metadata", "", "MetadataTooLarge", []string{"x-amz-meta-a", strings.Repeat("x", 2048)}},
		{"tags twice", "", "InvalidArgument", []string{"x-amz-tagging", "a=1&a=2"}},
		{"a class that is none", "", "InvalidStorageClass", []string{"x-amz-storage-class", "SHED"}},
	} {
		_, body, err := do(t, s, "PUT", "/src/k", c.body, c.header...)
		if err != nil || !strings.Contains(body, "<Code>"+c.code+"</Code>") {
			t.Errorf("%s: %s, %v; want %s", c.name, body, err, c.code)
		}
		want(t, 404, s, "HEAD", "/src/k", "")
	}
}

func TestUnsignedChunksWithTrailer(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		s := start(t, Options{Dir: dir})
		h, _ := want(t, 200, s, "PUT", "/src/k", "3\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
			"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length", "5",
			"x-amz-trailer", "x-amz-checksum-crc32", "Content-Encoding", "aws-chunked,gzip")
		if h.Get("ETag") != `"5d41402abc4b2a76b9719d911017c592"` || h.Get("x-amz-checksum-crc32") != "NhCmhg==" {
			t.Errorf("%v", h)
		}
		h, body := want(t, 200, s, "GET", "/src/k", "", "x-amz-checksum-mode", "ENABLED", "Accept-Encoding", "identity")
		if body != "hello" || h.Get("Content-Encoding") != "gzip" || h.Get("x-amz-checksum-crc32") != "NhCmhg==" {
			t.Errorf("%q %v", body, h)
		}
	}
}

// TestBodiesThatEnd speaks HTTP by hand: no client sends such requests.
func TestBodiesThatEnd(t *testing.T) {
	s := start(t, Options{Dir: t.TempDir()})
	for _, c := range []struct{ request, status string }{
		{"PUT /src/k HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhell", "400"},
		{"PUT /src/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n0\r\n\r\n", "411"},
		{"PUT /src/k HTTP/1.1\r\nHost: h\r\nContent-Length: 6000000000\r\n\r\n", "400"},
		{"PUT /src/%ff HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "400"},
		{"PUT /src/a%00b HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "400"},
		{"GET /src?%zz HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprint(conn, c.request); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || !strings.HasPrefix(resp.Status, c.status) {
			t.Errorf("%.60q: %v, %v", c.request, resp, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	want(t, 404, s, "HEAD", "/src/k", "")
	if n := countFiles(t, s.disk.tmp); n != 0 {
		t.Errorf("%d files of bodies that never came", n)
	}
}
