package sandbox

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The examples of "Signature calculations for the authorization header" in
// the S3 API Reference: keys, requests and signatures are AWS's.
const (
	exampleKey    = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	exampleScope  = "AWS4-HMAC-SHA256 Credential=" + exampleKey + "/20130524/us-east-1/s3/aws4_request,"
	emptySHA256   = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func exampleTime() time.Time { return time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC) }

// examples is a server as AWS's examples need it.
func examples(t *testing.T, opt Options) *Server {
	t.Helper()
	opt.Now = exampleTime
	opt.Credentials = map[string]Credential{exampleKey: {SecretAccessKey: exampleSecret}}
	s, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.CreateBucket("examplebucket", BucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// ask sends a request without a network.
func ask(s *Server, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "examplebucket.s3.amazonaws.com"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestSignatureExamples(t *testing.T) {
	s := examples(t, Options{})
	if _, _, err := s.Plant("examplebucket", "test.txt", Planted{Body: []byte("0123456789abc")}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
	}{
		{"GET Object", "GET", "/test.txt", "", []string{"Range", "bytes=0-9", "x-amz-content-sha256", emptySHA256, "x-amz-date", "20130524T000000Z",
			"Authorization", exampleScope + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"}, 206},
		{"PUT Object", "PUT", "/test$file.text", "Welcome to Amazon S3.", []string{"Date", "Fri, 24 May 2013 00:00:00 GMT", "x-amz-date", "20130524T000000Z",
			"x-amz-storage-class", "REDUCED_REDUNDANCY", "x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			"Authorization", exampleScope + "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"}, 200},
		{"GET Bucket (List Objects)", "GET", "/?max-keys=2&prefix=J", "", []string{"x-amz-content-sha256", emptySHA256, "x-amz-date", "20130524T000000Z",
			"Authorization", exampleScope + "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"}, 200},
		{"another range than was signed", "GET", "/test.txt", "", []string{"Range", "bytes=0-8", "x-amz-content-sha256", emptySHA256, "x-amz-date", "20130524T000000Z",
			"Authorization", exampleScope + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"}, 403},
	} {
		if w := ask(s, c.method, c.path, c.body, c.header...); w.Code != c.status {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}

// chunkExample is the upload in chunks of the same chapter, 66,560 times the
// letter a.
func chunkExample(first string) (body string, header []string) {
	body = "10000;chunk-signature=" + first + "\r\n" + strings.Repeat("a", 65536) +
		"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + strings.Repeat("a", 1024) +
		"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
	return body, []string{"x-amz-date", "20130524T000000Z", "x-amz-storage-class", "REDUCED_REDUNDANCY", "Content-Encoding", "aws-chunked",
		"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "x-amz-decoded-content-length", "66560", "Content-Length", "66824",
		"Authorization", exampleScope + "SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;" +
			"x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"}
}

func TestSignedChunksExample(t *testing.T) {
	s := examples(t, Options{})
	// The example's host is in the path style of its day.
	put := func(signature string) *httptest.ResponseRecorder {
		body, header := chunkExample(signature)
		r := httptest.NewRequest("PUT", "/examplebucket/chunkObject.txt", strings.NewReader(body))
		r.Host = "s3.amazonaws.com"
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	const signature = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
	if w := put("0" + signature[1:]); w.Code != 403 || !strings.Contains(w.Body.String(), "SignatureDoesNotMatch") {
		t.Errorf("a wrong signature of a chunk: %d %s", w.Code, w.Body)
	}
	if w := put(signature); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	b, err := s.bucket("examplebucket")
	if err != nil {
		t.Fatal(err)
	}
	v, err := b.find("chunkObject.txt", "")
	if err != nil || v.Size != 66560 || v.Class != "REDUCED_REDUNDANCY" {
		t.Fatalf("%+v, %v", v, err)
	}
	for _, h := range v.Headers {
		if h.Name == "Content-Encoding" {
			t.Errorf("aws-chunked was kept: %v", v.Headers)
		}
	}
}

// TestSignedTrailerExample is the same upload with a signed trailer.
func TestSignedTrailerExample(t *testing.T) {
	s := examples(t, Options{})
	put := func(trailer, signature string) *httptest.ResponseRecorder {
		body := "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" + strings.Repeat("a", 65536) +
			"\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" + strings.Repeat("a", 1024) +
			"\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n" +
			"x-amz-checksum-crc32c:" + trailer + "\r\n" + signature + "\r\n"
		r := httptest.NewRequest("PUT", "/examplebucket/chunkObject.txt", strings.NewReader(body))
		r.Host = "s3.amazonaws.com"
		for name, value := range map[string]string{"x-amz-date": "20130524T000000Z", "x-amz-storage-class": "REDUCED_REDUNDANCY",
			"Content-Encoding": "aws-chunked", "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
			"x-amz-decoded-content-length": "66560", "x-amz-trailer": "x-amz-checksum-crc32c",
			"Authorization": exampleScope + "SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;" +
				"x-amz-storage-class;x-amz-trailer,Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"} {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	const sum, signature = "sOO8/Q==", "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n"
	if w := put("AAAAAA==", signature); w.Code != 403 || !strings.Contains(w.Body.String(), "SignatureDoesNotMatch") {
		t.Errorf("another trailer than was signed: %d %s", w.Code, w.Body)
	}
	if w := put(sum, ""); w.Code != 403 {
		t.Errorf("a trailer without a signature: %d %s", w.Code, w.Body)
	}
	if w := put(sum, signature); w.Code != 200 || w.Header().Get("x-amz-checksum-crc32c") != sum {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAuthenticationErrors(t *testing.T) {
	s := examples(t, Options{})
	signed := func(change ...string) []string {
		h := []string{"x-amz-content-sha256", emptySHA256, "x-amz-date", "20130524T000000Z",
			"Authorization", exampleScope + "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=00"}
		return append(h, change...)
	}
	for _, c := range []struct {
		name, code string
		status     int
		header     []string
		change     Credential
		now        time.Time
	}{
		{name: "anonymous", code: "AccessDenied", status: 403, header: []string{}},
		{name: "not signed right", code: "SignatureDoesNotMatch", status: 403},
		{name: "the old way to sign", code: "InvalidArgument", status: 400, header: []string{"Authorization", "AWS AK:sig"}},
		{name: "half a header", code: "AuthorizationHeaderMalformed", status: 400, header: []string{"Authorization", "AWS4-HMAC-SHA256 Signature=0"}},
		{name: "another service", code: "AuthorizationHeaderMalformed", status: 400, header: []string{"Authorization",
			"AWS4-HMAC-SHA256 Credential=" + exampleKey + "/20130524/us-east-1/sqs/aws4_request,SignedHeaders=host,Signature=0"}},
		{name: "nobody's key", code: "InvalidAccessKeyId", status: 403, header: signed("Authorization",
			"AWS4-HMAC-SHA256 Credential=NOBODY/20130524/us-east-1/s3/aws4_request,SignedHeaders=host,Signature=0")},
		{name: "no date", code: "AccessDenied", status: 403, header: signed("x-amz-date", "")},
		{name: "another day's scope", code: "AccessDenied", status: 403, header: signed("x-amz-date", "20130525T000000Z")},
		{name: "no payload hash", code: "InvalidRequest", status: 400, header: signed("x-amz-content-sha256", "")},
		{name: "a fast clock", code: "RequestTimeTooSkewed", status: 403, now: exampleTime().Add(-16 * time.Minute)},
		{name: "a slow clock", code: "RequestTimeTooSkewed", status: 403, now: exampleTime().Add(16 * time.Minute)},
		{name: "expired", code: "ExpiredToken", status: 400, change: Credential{SecretAccessKey: exampleSecret, SessionToken: "t", Expires: exampleTime()},
			header: signed("x-amz-security-token", "t")},
		{name: "no token", code: "InvalidToken", status: 400, change: Credential{SecretAccessKey: exampleSecret, SessionToken: "t"}},
		{name: "another token", code: "InvalidToken", status: 400, change: Credential{SecretAccessKey: exampleSecret, SessionToken: "t"},
			header: signed("x-amz-security-token", "u")},
	} {
		if c.header == nil {
			c.header = signed()
		}
		if c.change.SecretAccessKey == "" {
			c.change.SecretAccessKey = exampleSecret
		}
		s.SetCredentials(map[string]Credential{exampleKey: c.change})
		s.opt.Now = exampleTime
		if !c.now.IsZero() {
			s.opt.Now = func() time.Time { return c.now }
		}
		w := ask(s, "GET", "/k", "", c.header...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), "<Code>"+c.code+"</Code>") {
			t.Errorf("%s: %d %s, want %d %s", c.name, w.Code, w.Body, c.status, c.code)
		}
	}
}

func TestRegions(t *testing.T) {
	s := start(t, Options{})
	if err := s.CreateBucket("far", BucketOptions{Region: "eu-central-1"}); err != nil {
		t.Fatal(err)
	}
	as := func(region string) []string {
		return []string{"Authorization", "AWS4-HMAC-SHA256 Credential=AK/20130524/" + region + "/s3/aws4_request,SignedHeaders=host,Signature=0"}
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, c := range []struct {
		method, path, region string
		status               int
		code                 string
	}{
		{"GET", "/far/k", "us-east-1", 301, "PermanentRedirect"},
		{"GET", "/far/k", "ap-south-1", 400, "AuthorizationHeaderMalformed"},
		{"GET", "/far/k", "eu-central-1", 404, "NoSuchKey"},
		{"GET", "/far?location", "us-east-1", 200, "eu-central-1"},
		{"HEAD", "/far", "us-east-1", 301, ""},
		{"GET", "/src/k", "ap-south-1", 404, "NoSuchKey"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, s.URL()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", as(c.region)[1])
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := resp.Write(&b); err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		wrong := c.status == 301 || c.status == 400
		if resp.StatusCode != c.status || !strings.Contains(b.String(), c.code) || wrong && resp.Header.Get("x-amz-bucket-region") != "eu-central-1" {
			t.Errorf("%s %s as %s: %s", c.method, c.path, c.region, b.String())
		}
	}
}
