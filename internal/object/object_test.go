package object_test

import (
	"net/url"
	"strings"
	"testing"

	"s3bundler/internal/object"
)

func TestLocations(t *testing.T) {
	for _, tt := range []struct{ uri, bucket, key, fails string }{
		{"s3://b/k", "b", "k", ""},
		{"s3://b/a/b/", "b", "a/b/", ""},
		{"s3://b/what?#100%/x", "b", "what?#100%/x", ""},
		{"s3://b//leading", "b", "/leading", ""},
		{"s3://b/new\nline", "b", "new\nline", ""},
		{"s3://b/", "b", "", ""},
		{"s3://b", "b", "", ""},
		{"s3:///k", "", "", "no bucket"},
		{"s3://", "", "", "no bucket"},
		{"b/k", "", "", "no S3 URI"},
		{"S3://b/k", "", "", "no S3 URI"},
		{"https://b.s3.amazonaws.com/k", "", "", "no S3 URI"},
		{"", "", "", "no S3 URI"},
	} {
		l, err := object.ParseURI(tt.uri)
		if tt.fails != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fails) || !strings.Contains(err.Error(), "s3://bucket/key") {
				t.Errorf("%q: %v, want %q and how to write it", tt.uri, err, tt.fails)
			}
			continue
		}
		if err != nil || l.Bucket != tt.bucket || l.Key != tt.key {
			t.Errorf("%q: %+v, %v", tt.uri, l, err)
		}
		if back, err := object.ParseURI(l.String()); err != nil || back != l {
			t.Errorf("%q: prints as %q, which reads as %+v, %v", tt.uri, l, back, err)
		}
		if _, err := object.ParseObjectURI(tt.uri); (err != nil) != (tt.key == "") {
			t.Errorf("%q as an object: %v", tt.uri, err)
		}
	}
}

func TestDecodeKey(t *testing.T) {
	for encoded, want := range map[string]string{
		"":                "",
		"plain/key":       "plain/key",
		"a+b%2Bc":         "a b+c",
		"%2Fleading":      "/leading",
		"gr%C3%BC%c3%9fe": "grüße",
		"100%":            "100%",
		"100%+":           "100% ",
		"a%zz":            "a%zz",
		"a%4":             "a%4",
		"%25%32":          "%2",
		"%%41":            "%A",
		"raw é":           "raw é",
	} {
		if got := object.DecodeKey(encoded); got != want {
			t.Errorf("%q decodes to %q, want %q", encoded, got, want)
		}
	}
}

func FuzzKeys(f *testing.F) {
	for _, key := range []string{"a b+c", "100%", "grüße/日本", "new\nline", "a//b", "*-_.~"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		encoded := object.EncodeKey(key)
		if back := object.DecodeKey(encoded); back != key {
			t.Fatalf("%q encodes to %q, which decodes to %q", key, encoded, back)
		}
		// Another implementation of the same encoding.
		want := strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(key), "%2F", "/"), "%2A", "*")
		if strings.ReplaceAll(encoded, "%7E", "~") != want {
			t.Fatalf("%q encodes to %q, want %q", key, encoded, want)
		}
		// Whatever a list holds is decoded somehow, and like net/url where
		// that takes it.
		if theirs, err := url.QueryUnescape(key); err == nil && theirs != object.DecodeKey(key) {
			t.Fatalf("%q decodes to %q, want %q", key, object.DecodeKey(key), theirs)
		}
	})
}

func TestByteSizes(t *testing.T) {
	for _, tt := range []struct {
		text  string
		want  int64
		fails bool
	}{
		{"0", 0, false},
		{"1", 1, false},
		{"2GB", 2 << 30, false},
		{"2g", 2 << 30, false},
		{"5Mb", 5 << 20, false},
		{"7k", 7 << 10, false},
		{"7KB", 7 << 10, false},
		{"8589934591GB", 8589934591 << 30, false},
		{"8589934592GB", 0, true},
		{"9223372036854775807", 9223372036854775807, false},
		{"9223372036854775808", 0, true},
		{"", 0, true},
		{"GB", 0, true},
		{"-1", 0, true},
		{"1.5GB", 0, true},
		{"2 GB", 0, true},
		{"2TB", 0, true},
		{"2B", 0, true},
		{"2GBGB", 0, true},
	} {
		got, err := object.ParseByteSize(tt.text)
		if (err != nil) != tt.fails || int64(got) != tt.want {
			t.Errorf("%q: %d, %v", tt.text, int64(got), err)
		}
		if err == nil {
			if back, err := object.ParseByteSize(got.String()); err != nil || back != got {
				t.Errorf("%q prints as %q, which reads as %d, %v", tt.text, got, int64(back), err)
			}
		}
	}
}

func FuzzByteSize(f *testing.F) {
	f.Add("2GB")
	f.Add("12m")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := object.ParseByteSize(s)
		if err != nil {
			return
		}
		if back, err := object.ParseByteSize(b.String()); err != nil || back != b || b < 0 {
			t.Fatalf("%q is %d, which prints as %q: %d, %v", s, int64(b), b, int64(back), err)
		}
	})
}

func TestMD5OfAnETag(t *testing.T) {
	const sum = "d41d8cd98f00b204e9800998ecf8427e"
	for _, tt := range []struct {
		attr object.Attributes
		ok   bool
	}{
		{object.Attributes{ETag: sum}, true},
		{object.Attributes{ETag: sum, KeyEncrypted: true}, false},
		{object.Attributes{ETag: sum + "-2"}, false},
		{object.Attributes{ETag: strings.ToUpper(sum)}, false},
		{object.Attributes{ETag: sum[:31] + "x"}, false},
		{object.Attributes{}, false},
	} {
		if got, ok := tt.attr.MD5(); ok != tt.ok || ok && got != sum {
			t.Errorf("%+v: %q, %v", tt.attr, got, ok)
		}
	}
}
