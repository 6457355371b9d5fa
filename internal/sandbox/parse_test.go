package sandbox

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func FuzzRange(f *testing.F) {
	for _, h := range []string{"", "bytes=0-", "bytes=-5", "bytes=2-3", "bytes=9-2", "bytes=0-0,2-3", "chars=0-1", "bytes=--1", "bytes=+1-+2", "bytes=-0"} {
		f.Add(h, int64(10))
		f.Add(h, int64(0))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		off, n, ranged, err := parseRange(header, size)
		switch {
		case err != nil && (off != 0 || n != 0 || !strings.HasPrefix(err.Error(), "InvalidRange")):
			t.Errorf("%d, %d, %v", off, n, err)
		case err == nil && !ranged && (off != 0 || n != size):
			t.Errorf("all of %d is %d+%d", size, off, n)
		case err == nil && ranged && (off < 0 || n < 1 || n > size-off):
			t.Errorf("%q of %d is %d+%d", header, size, off, n)
		}
	})
}

func FuzzCopyRange(f *testing.F) {
	for _, h := range []string{"", "bytes=0-9", "bytes=3-3", "bytes=5-", "bytes=9-10", "bytes=-3"} {
		f.Add(h, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		off, n, err := parseCopyRange(header, size)
		if err == nil && (off < 0 || n < 0 || n > size-off || n == 0 && header != "") {
			t.Errorf("%q of %d is %d+%d", header, size, off, n)
		}
	})
}

func FuzzCopySource(f *testing.F) {
	f.Add("bucket", "key", "")
	f.Add("b", "/a//b ?versionId=x+%&", "AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH")
	f.Fuzz(func(t *testing.T, bucket, key, version string) {
		if bucket == "" || key == "" || strings.Contains(bucket, "/") {
			return
		}
		for _, slash := range []string{"", "/"} {
			header := slash + url.QueryEscape(bucket) + "/" + url.QueryEscape(key)
			if version != "" {
				header += "?versionId=" + version
			}
			got, err := parseCopySource(header)
			if err != nil || got != (copySource{bucket, key, version}) {
				t.Errorf("%q: %+v, %v", header, got, err)
			}
		}
	})
}

func TestCopySourceRefused(t *testing.T) {
	for _, h := range []string{"", "bucket", "/bucket", "bucket/", "/", "%zz/key"} {
		if got, err := parseCopySource(h); err == nil {
			t.Errorf("%q: %+v", h, got)
		}
	}
}

func FuzzXML(f *testing.F) {
	f.Add([]byte("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>"))
	f.Add([]byte("<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>\n<!-- c -->"))
	f.Add([]byte("<Tagging><TagSet/></Tagging><more/>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var complete completeBody
		if err := parseXML(body, &complete); err != nil && !strings.HasPrefix(err.Error(), "MalformedXML") {
			t.Error(err)
		}
		var tags tagging
		if err := parseXML(body, &tags); err == nil {
			if _, err := tags.fields(); err != nil && asAPIError(err).code == "InternalError" {
				t.Error(err)
			}
		}
	})
}

// FuzzXMLOut writes keys and reads them back with another reader. Control
// characters that XML forbids are there as references; no XML reader takes
// them, and neither does any take them from S3.
func FuzzXMLOut(f *testing.F) {
	f.Add("a<b>&\"'\n\r\t\u00e9")
	f.Fuzz(func(t *testing.T, key string) {
		for _, r := range key {
			if r == 0xFFFD || r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
				return
			}
		}
		d := newXML("Root")
		d.text("Key", key)
		var got struct {
			Key string `xml:"Key"`
		}
		if err := xml.Unmarshal(d.bytes(), &got); err != nil || got.Key != key {
			t.Errorf("%q became %q, %v", key, got.Key, err)
		}
	})
}

func TestXMLControlCharacters(t *testing.T) {
	d := newErrorXML()
	d.text("Key", "a\x01b")
	if got := string(d.bytes()); !strings.Contains(got, "<Key>a&#x1;b</Key>") {
		t.Error(got)
	}
}

func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AK/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range,Signature=00ff")
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/20130524/r/s3/aws4_request, SignedHeaders=host, Signature=0")
	f.Add("AWS AK:sig")
	f.Fuzz(func(t *testing.T, header string) {
		a, err := parseAuthorization(header)
		if err == nil && (a.accessKey == "" || a.signature == "" || len(a.signedHeaders) == 0) {
			t.Errorf("%q: %+v", header, a)
		}
	})
}

func FuzzTagging(f *testing.F) {
	f.Add("a=b&c=d")
	f.Add("a=1&a=2&%zz")
	f.Fuzz(func(t *testing.T, header string) {
		tags, err := parseTagging(header)
		if err != nil {
			return
		}
		v := url.Values{}
		for _, tag := range tags {
			v.Set(tag.Name, tag.Value)
		}
		again, err := parseTagging(v.Encode())
		if err != nil || len(again) != len(tags) {
			t.Errorf("%q: %v, %v", header, again, err)
		}
	})
}

func FuzzGlob(f *testing.F) {
	f.Add("a*b?", "axxbc")
	f.Add("**", "")
	f.Add("*a*b", "xaxb\n")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 50 || len(s) > 200 {
			return
		}
		// Latin-1, for a regexp's . is a character and a glob's ? a byte.
		latin := func(s string) string {
			var b strings.Builder
			for i := range len(s) {
				b.WriteRune(rune(s[i]))
			}
			return b.String()
		}
		expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(latin(pattern)))
		if got, want := glob(pattern, s), regexp.MustCompile("(?s)^"+expression+"$").MatchString(latin(s)); got != want {
			t.Errorf("%q matches %q: %v", pattern, s, got)
		}
	})
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"a*", "a/b/c", true}, {"*.bin", "x/y.bin", true}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"*a*b*", "xxaxxbxx", true}, {"*a*b", "xxaxxbxx", false}, {"", "", true}, {"", "x", false}, {"a*a", "a", false},
	} {
		if got := glob(c.pattern, c.s); got != c.want {
			t.Errorf("%q %q: %v", c.pattern, c.s, got)
		}
	}
}

func TestPlace(t *testing.T) {
	for _, c := range []struct{ host, path, bucket, key string }{
		{"127.0.0.1:80", "/b/k", "b", "k"},
		{"127.0.0.1:80", "/b//k/", "b", "/k/"},
		{"127.0.0.1", "/b", "b", ""},
		{"localhost:80", "/b/k", "b", "k"},
		{"b.localhost:80", "/k/l", "b", "k/l"},
		{"b.localhost", "//k", "b", "/k"},
		{"b.s3.localhost", "/k", "b", "k"},
		{"s3.localhost", "/b/k", "b", "k"},
		{"a.b.s3.eu-west-1.amazonaws.com", "/k", "a.b", "k"},
		{"b.s3.amazonaws.com", "/k", "b", "k"},
		{"b.s3-fips.dualstack.us-gov-west-1.amazonaws.com", "/k", "b", "k"},
		{"b.s3.cn-north-1.amazonaws.com.cn", "/k", "b", "k"},
		{"s3.eu-west-1.amazonaws.com", "/b/k", "b", "k"},
		{"s3.amazonaws.com", "/b/k", "b", "k"},
		{"s3.s3.amazonaws.com", "/k", "s3", "k"},
		{"example.org", "/b/k", "b", "k"},
	} {
		if bucket, key := place(c.host, c.path); bucket != c.bucket || key != c.key {
			t.Errorf("%s%s: %q %q", c.host, c.path, bucket, key)
		}
	}
}

func TestOperations(t *testing.T) {
	for _, c := range []struct{ method, path, source, want string }{
		{"GET", "/", "", "ListBuckets"}, {"POST", "/", "", ""},
		{"GET", "/b", "", "ListObjects"}, {"GET", "/b?list-type=2", "", "ListObjectsV2"}, {"GET", "/b?versions", "", "ListObjectVersions"},
		{"GET", "/b?acl", "", "NotImplemented"}, {"PUT", "/b?policy", "", "NotImplemented"}, {"DELETE", "/b?lifecycle", "", "NotImplemented"},
		{"GET", "/b/k?attributes", "", "NotImplemented"}, {"PUT", "/b/k?acl", "", "NotImplemented"},
		{"GET", "/b/k?versionId=x", "", "GetObject"}, {"PUT", "/b/k", "", "PutObject"}, {"PUT", "/b/k", "b/l", "CopyObject"},
		{"PUT", "/b/k?uploadId=u&partNumber=1", "b/l", "UploadPartCopy"}, {"PUT", "/b/k?uploadId=u&partNumber=1", "", "UploadPart"},
		{"POST", "/b/k?restore", "", "RestoreObject"}, {"POST", "/b/k", "", ""}, {"PATCH", "/b/k", "", ""},
	} {
		u, err := url.Parse(c.path)
		if err != nil {
			t.Fatal(err)
		}
		r := &http.Request{Method: c.method, Header: http.Header{"X-Amz-Copy-Source": {c.source}}}
		bucket, key := place("127.0.0.1", u.Path)
		if got := operationOf(r, bucket, key, u.Query()); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.path, strconv.Quote(got), c.want)
		}
	}
}
