package sandbox

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// createUpload starts a multipart upload and gives its ID.
func createUpload(t *testing.T, s *Server, path string, header ...string) string {
	t.Helper()
	_, body := want(t, 200, s, "POST", path+"?uploads", "", header...)
	id := regexp.MustCompile("<UploadId>(.*)</UploadId>").FindStringSubmatch(body)
	if id == nil {
		t.Fatalf("no upload ID in %s", body)
	}
	return id[1]
}

func uploadPart(t *testing.T, s *Server, path, id string, number int, body string, header ...string) (etag string) {
	t.Helper()
	h, _ := want(t, 200, s, "PUT", fmt.Sprintf("%s?partNumber=%d&uploadId=%s", path, number, id), body, header...)
	return h.Get("ETag")
}

// completion of an upload with the parts 1, 2, ….
func completeXML(etags []string) string {
	var b strings.Builder
	b.WriteString("<CompleteMultipartUpload>")
	for i, e := range etags {
		fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, strings.ReplaceAll(e, `"`, "&quot;"))
	}
	return b.String() + "</CompleteMultipartUpload>"
}

func completeUpload(t *testing.T, s *Server, path, id string, etags []string, header ...string) string {
	t.Helper()
	_, body := want(t, 200, s, "POST", path+"?uploadId="+id, completeXML(etags), header...)
	return body
}

func TestUploadsWithoutAlgorithm(t *testing.T) {
	s := start(t, Options{MinPartSize: 1})
	id := createUpload(t, s, "/src/k")
	etags := []string{uploadPart(t, s, "/src/k", id, 1, "01234"), uploadPart(t, s, "/src/k", id, 2, "56789")}
	_, body := want(t, 400, s, "PUT", "/src/k?partNumber=3&uploadId="+id, "x", "x-amz-checksum-crc32", "jdwVtw==")
	if !strings.Contains(body, "expected checksum Type: null, actual checksum Type: crc32") {
		t.Error(body)
	}
	if got := s.Uploads(); len(got) != 1 || got[0] != (Upload{"src", "k", id, 2, 10}) {
		t.Errorf("%+v", got)
	}
	whole, _ := want(t, 200, s, "PUT", "/src/whole", "0123456789")
	body = completeUpload(t, s, "/src/k", id, etags)
	if sum := whole.Get("x-amz-checksum-crc64nvme"); !strings.Contains(body, "<ChecksumCRC64NVME>"+sum+"</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType>") {
		t.Errorf("%s, want %s", body, sum)
	}
	if len(s.Uploads()) != 0 {
		t.Error("still open")
	}
}

func TestUploadChecksumChoices(t *testing.T) {
	for _, c := range []struct {
		algorithm, kind string
		want            string // "" if it is refused
	}{
		{"", "", "CRC64NVME FULL_OBJECT"}, {"CRC64NVME", "", "CRC64NVME FULL_OBJECT"}, {"crc32", "", "CRC32 COMPOSITE"},
		{"CRC32C", "FULL_OBJECT", "CRC32C FULL_OBJECT"}, {"SHA256", "", "SHA256 COMPOSITE"}, {"SHA1", "FULL_OBJECT", ""},
		{"CRC64NVME", "COMPOSITE", ""}, {"", "FULL_OBJECT", ""}, {"MD4", "", ""}, {"CRC32", "HALF", ""},
	} {
		var u upload
		err := u.chooseChecksum(c.algorithm, c.kind)
		got := ""
		if err == nil {
			got = u.algorithm + " " + u.kind
		}
		if got != c.want {
			t.Errorf("%s %s: %q, %v", c.algorithm, c.kind, got, err)
		}
	}
}

func TestCompleteIsComparedWithWhatWasSaid(t *testing.T) {
	s := start(t, Options{MinPartSize: 1})
	id := createUpload(t, s, "/src/k", "x-amz-checksum-algorithm", "CRC32", "x-amz-checksum-type", "FULL_OBJECT")
	etags := []string{uploadPart(t, s, "/src/k", id, 1, "01234"), uploadPart(t, s, "/src/k", id, 2, "56789", "x-amz-checksum-crc32", "Ex2gcA==")}
	for _, c := range []struct {
		header []string
		code   string
	}{
		{[]string{"x-amz-mp-object-size", "9"}, "InvalidRequest"},
		{[]string{"x-amz-checksum-crc32", "AAAAAA=="}, "BadDigest"},
		{[]string{"x-amz-checksum-sha256", "AAAAAA=="}, "InvalidRequest"},
		{[]string{"x-amz-checksum-type", "COMPOSITE"}, "InvalidRequest"},
		{[]string{"If-Match", "\"x\""}, "NoSuchKey"},
	} {
		_, body, err := do(t, s, "POST", "/src/k?uploadId="+id, completeXML(etags), c.header...)
		if err != nil || !strings.Contains(body, "<Code>"+c.code+"</Code>") {
			t.Errorf("%v: %s, %v", c.header, body, err)
		}
	}
	// 0xA684C7C6 is the CRC-32 of 0123456789.
	completeUpload(t, s, "/src/k", id, etags, "x-amz-mp-object-size", "10", "x-amz-checksum-crc32", "poTHxg==", "x-amz-checksum-type", "FULL_OBJECT")
}

func TestDiscard(t *testing.T) {
	s := start(t, Options{MinPartSize: 1})
	if err := s.CreateBucket("void", BucketOptions{Discard: true}); err != nil {
		t.Fatal(err)
	}
	kept, _ := want(t, 200, s, "PUT", "/src/k", "0123456789")
	void, _ := want(t, 200, s, "PUT", "/void/k", "0123456789")
	for _, name := range []string{"ETag", "x-amz-checksum-crc64nvme"} {
		if void.Get(name) != kept.Get(name) {
			t.Errorf("%s: %s, want %s", name, void.Get(name), kept.Get(name))
		}
	}
	var bodies []string
	for _, bucket := range []string{"/src", "/void"} {
		id := createUpload(t, s, bucket+"/m")
		body := completeUpload(t, s, bucket+"/m", id, []string{uploadPart(t, s, bucket+"/m", id, 1, "01"), uploadPart(t, s, bucket+"/m", id, 2, "2")})
		bodies = append(bodies, body[strings.Index(body, "<ETag>"):])
	}
	if bodies[0] != bodies[1] {
		t.Errorf("%s and %s", bodies[0], bodies[1])
	}
	if h, _ := want(t, 200, s, "HEAD", "/void/m", ""); h.Get("Content-Length") != "3" {
		t.Errorf("%v", h)
	}
	want(t, 501, s, "GET", "/void/k", "")
	want(t, 200, s, "PUT", "/void/copy", "", "x-amz-copy-source", "/src/k")
	if h, _ := want(t, 200, s, "HEAD", "/void/copy", ""); h.Get("ETag") != kept.Get("ETag") {
		t.Errorf("%v", h)
	}
}

func TestQuick(t *testing.T) {
	s := start(t, Options{MinPartSize: 1})
	if err := s.CreateBucket("quick", BucketOptions{Quick: true}); err != nil {
		t.Fatal(err)
	}
	kept, _ := want(t, 200, s, "PUT", "/src/k", "0123456789")
	h, _ := want(t, 200, s, "PUT", "/quick/k", "0123456789", "x-amz-content-sha256", emptySHA256)
	if h.Get("ETag") == kept.Get("ETag") || len(h.Get("ETag")) != 34 || h.Get("x-amz-checksum-crc64nvme") != kept.Get("x-amz-checksum-crc64nvme") {
		t.Errorf("%v", h)
	}
	want(t, 400, s, "PUT", "/quick/k", "0123456789", "x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")
	want(t, 400, s, "PUT", "/quick/k", "0123456789", "Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")
	id := createUpload(t, s, "/quick/m")
	body := completeUpload(t, s, "/quick/m", id, []string{uploadPart(t, s, "/quick/m", id, 1, "01234"), uploadPart(t, s, "/quick/m", id, 2, "56789")})
	if !strings.Contains(body, kept.Get("x-amz-checksum-crc64nvme")) || !strings.Contains(body, "-2&quot;</ETag>") {
		t.Error(body)
	}
	if _, got := want(t, 200, s, "GET", "/quick/m", ""); got != "0123456789" {
		t.Errorf("%q", got)
	}
}
