package aws

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signedBySDK gives the Authorization header that the SDK's signer makes for
// the GET of what.
func signedBySDK(t *testing.T, c awssdk.Credentials, what signed, region string, at time.Time) string {
	t.Helper()
	plain, err := url.PathUnescape(string(what.path))
	if err != nil {
		t.Fatal(err)
	}
	req := &http.Request{
		Method: http.MethodGet, Host: what.host, Header: http.Header{},
		URL: &url.URL{Scheme: "https", Host: what.host, Path: plain, RawPath: string(what.path), RawQuery: what.query},
	}
	req.Header.Set("X-Amz-Checksum-Mode", "ENABLED")
	req.Header.Set("X-Amz-Content-Sha256", emptyHash)
	if what.payer {
		req.Header.Set("X-Amz-Request-Payer", "requester")
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err := signer.SignHTTP(t.Context(), c, req, emptyHash, "s3", region, at); err != nil {
		t.Fatal(err)
	}
	return req.Header.Get("Authorization")
}

func TestAuthorizationIsTheSDKs(t *testing.T) {
	at := time.Date(2026, 11, 23, 11, 36, 13, 0, time.UTC)
	for name, tt := range map[string]struct {
		token, path, query string
		payer              bool
	}{
		"plain":     {path: "/src1/logs/000/obj-000000.bin"},
		"escaped":   {path: "/a%20b%2Bc%25/%E6%97%A5%0A"},
		"slashes":   {path: "//a//b/../c/."},
		"version":   {path: "/k", query: "versionId=3%2FL4kqtJlcpXroDTDmJ%2BrmSpXd3dIbrHY"},
		"token":     {path: "/k", token: "IQoJb3JpZ2luX2VjEOz//////////wE="},
		"payer":     {path: "/k", payer: true},
		"all of it": {path: "/k", query: "versionId=1", token: "t", payer: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := awssdk.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", SessionToken: tt.token}
			key := newSigningKey(c, "20261123", "eu-west-1", "s3")
			what := signed{path: []byte(tt.path), query: tt.query, host: "b.s3.eu-west-1.amazonaws.com", date: at.Format(dateFormat), token: tt.token, payer: tt.payer}
			want := signedBySDK(t, c, what, "eu-west-1", at)
			for range 2 { // the second uses the first's buffers
				if got := string(key.appendAuthorization(nil, what)); got != want {
					t.Fatalf("got  %s\nwant %s", got, want)
				}
			}
		})
	}
}

func FuzzAuthorizationIsTheSDKs(f *testing.F) {
	f.Add("logs/obj 1+2%.bin", "token", true)
	f.Add("/a//\x00é\xff?#", "", false)
	f.Fuzz(func(t *testing.T, key, token string, payer bool) {
		for _, c := range []byte(token) {
			if c <= ' ' || c > '~' {
				t.Skip("no header value")
			}
		}
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		c := awssdk.Credentials{AccessKeyID: "A", SecretAccessKey: "S", SessionToken: token}
		what := signed{path: appendPath([]byte("/"), key), host: "h", date: at.Format(dateFormat), token: token, payer: payer}
		if plain, err := url.PathUnescape(string(what.path)); err != nil || plain != "/"+key {
			t.Fatalf("path %q of key %q reads as %q, %v", what.path, key, plain, err)
		}
		if got, want := string(newSigningKey(c, "20260102", "r", "s3").appendAuthorization(nil, what)), signedBySDK(t, c, what, "r", at); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}

func TestSignerKeepsItsKeyForADay(t *testing.T) {
	e := &endpoint{region: "eu-west-1", service: "s3"}
	c := awssdk.Credentials{AccessKeyID: "A", SecretAccessKey: "S"}
	key := func(c awssdk.Credentials, at time.Time) *signingKey {
		t.Helper()
		k, date, err := e.signer(t.Context(), awssdk.CredentialsProviderFunc(fixed(c)), at)
		if err != nil || date[:8] != k.day {
			t.Fatalf("date %s of day %s, error %v", date, k.day, err)
		}
		return k
	}
	at := time.Date(2026, 11, 23, 0, 0, 1, 0, time.UTC)
	first := key(c, at)
	if key(c, at.Add(23*time.Hour)) != first {
		t.Error("another key on the same day")
	}
	if key(c, at.Add(24*time.Hour)) == first {
		t.Error("the same key on the next day")
	}
	c.SessionToken = "renewed"
	if k := key(c, at.Add(24*time.Hour)); k.credentials.SessionToken != "renewed" {
		t.Error("the old token after the credentials were renewed")
	}
}

func fixed(c awssdk.Credentials) func(context.Context) (awssdk.Credentials, error) {
	return func(context.Context) (awssdk.Credentials, error) { return c, nil }
}
