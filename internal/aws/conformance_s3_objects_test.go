package aws_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
)

func testS3PutGetHead(t *testing.T, g target) {
	expires := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	put := g.put(t, "a/b.txt", "content", func(in *s3.PutObjectInput) {
		in.Metadata = map[string]string{"colour": "red", "Mixed-Case": "Value, with = ; %"}
		in.ContentType, in.CacheControl = str("text/plain"), str("max-age=7")
		in.ContentEncoding, in.ContentLanguage = str("identity"), str("en-GB")
		in.ContentDisposition, in.Expires = str(`attachment; filename="x y"`), &expires
		in.Tagging = str("k=v&Key%20two=a%2Bb")
	})
	etag := `"` + md5Hex("content") + `"`
	if *put.ETag != etag {
		t.Errorf("ETag %s of the put, want %s", *put.ETag, etag)
	}
	out, body, err := g.get(t.Context(), "a/b.txt")
	if err != nil {
		t.Fatal(err)
	}
	if body != "content" || *out.ETag != etag || *out.ContentLength != 7 || awssdk.ToString(out.ContentType) != "text/plain" ||
		awssdk.ToString(out.CacheControl) != "max-age=7" || awssdk.ToString(out.ContentEncoding) != "identity" ||
		awssdk.ToString(out.ContentLanguage) != "en-GB" || awssdk.ToString(out.ContentDisposition) != `attachment; filename="x y"` ||
		awssdk.ToString(out.ExpiresString) != "Mon, 03 Feb 2031 04:05:06 GMT" || awssdk.ToInt32(out.TagCount) != 2 ||
		awssdk.ToString(out.AcceptRanges) != "bytes" {
		t.Errorf("get: %q %+v", body, out)
	}
	metadata := map[string]string{"colour": "red", "mixed-case": "Value, with = ; %"}
	if diff := cmp.Diff(metadata, out.Metadata); diff != "" {
		t.Errorf("metadata of get: %s", diff)
	}
	head, err := g.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &g.bucket, Key: str("a/b.txt")})
	if err != nil {
		t.Fatal(err)
	}
	if *head.ETag != etag || *head.ContentLength != 7 || awssdk.ToString(head.CacheControl) != "max-age=7" {
		t.Errorf("head: %+v", head)
	}
	if diff := cmp.Diff(metadata, head.Metadata); diff != "" {
		t.Errorf("metadata of head: %s", diff)
	}
	if age := time.Since(*head.LastModified); age < -time.Minute || age > time.Minute || head.LastModified.Nanosecond() != 0 {
		t.Errorf("last modified %v", head.LastModified)
	}
	if !head.LastModified.Equal(*out.LastModified) {
		t.Errorf("last modified: head %v, get %v", head.LastModified, out.LastModified)
	}
}

func testS3EmptyObject(t *testing.T, g target) {
	g.put(t, "empty", "")
	out, body, err := g.get(t.Context(), "empty")
	if err != nil || body != "" || *out.ContentLength != 0 || *out.ETag != `"`+md5Hex("")+`"` {
		t.Errorf("%q, %+v, %v", body, out, err)
	}
	_, _, err = g.get(t.Context(), "empty", func(in *s3.GetObjectInput) { in.Range = str("bytes=0-") })
	wantError(t, err, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
}

func testS3NoMetadataByDefault(t *testing.T, g target) {
	g.put(t, "plain", "x")
	out, _, err := g.get(t.Context(), "plain")
	if err != nil || len(out.Metadata) != 0 || out.TagCount != nil || out.ContentEncoding != nil ||
		out.VersionId != nil || out.Restore != nil {
		t.Errorf("%+v, %v", out, err)
	}
}

func testS3Ranges(t *testing.T, g target) {
	g.put(t, "k", "0123456789")
	for _, c := range []struct{ header, body, contentRange string }{
		{"bytes=0-0", "0", "bytes 0-0/10"},
		{"bytes=3-5", "345", "bytes 3-5/10"},
		{"bytes=7-", "789", "bytes 7-9/10"},
		{"bytes=-4", "6789", "bytes 6-9/10"},
		{"bytes=-99", "0123456789", "bytes 0-9/10"},
		{"bytes=5-99", "56789", "bytes 5-9/10"},
		{"bytes=9-9", "9", "bytes 9-9/10"},
	} {
		out, body, err := g.get(t.Context(), "k", func(in *s3.GetObjectInput) { in.Range = &c.header })
		if err != nil {
			t.Errorf("%s: %v", c.header, err)
			continue
		}
		if body != c.body || awssdk.ToString(out.ContentRange) != c.contentRange || *out.ContentLength != int64(len(c.body)) {
			t.Errorf("%s: %q %s", c.header, body, awssdk.ToString(out.ContentRange))
		}
	}
	for _, header := range []string{"bytes=10-", "bytes=10-20", "bytes=999-"} {
		_, _, err := g.get(t.Context(), "k", func(in *s3.GetObjectInput) { in.Range = &header })
		wantError(t, err, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
	}
}

func testS3ReadConditions(t *testing.T, g target) {
	etag := *g.put(t, "k", "body").ETag
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for _, c := range []struct {
		name   string
		change func(*s3.GetObjectInput)
		status int
	}{
		{"If-Match the same", func(in *s3.GetObjectInput) { in.IfMatch = &etag }, 200},
		{"If-Match another", func(in *s3.GetObjectInput) { in.IfMatch = str(`"` + md5Hex("other") + `"`) }, 412},
		{"If-None-Match the same", func(in *s3.GetObjectInput) { in.IfNoneMatch = &etag }, 304},
		{"If-None-Match another", func(in *s3.GetObjectInput) { in.IfNoneMatch = str(`"` + md5Hex("other") + `"`) }, 200},
		{"If-Unmodified-Since the past", func(in *s3.GetObjectInput) { in.IfUnmodifiedSince = &past }, 412},
		{"If-Unmodified-Since the future", func(in *s3.GetObjectInput) { in.IfUnmodifiedSince = &future }, 200},
		{"If-Modified-Since the past", func(in *s3.GetObjectInput) { in.IfModifiedSince = &past }, 200},
		{"If-Match wins over If-Unmodified-Since", func(in *s3.GetObjectInput) { in.IfMatch, in.IfUnmodifiedSince = &etag, &past }, 200},
		{"If-None-Match wins over If-Modified-Since", func(in *s3.GetObjectInput) {
			in.IfNoneMatch, in.IfModifiedSince = &etag, &past
		}, 304},
		{"If-Match with a range", func(in *s3.GetObjectInput) { in.IfMatch, in.Range = str(`"`+md5Hex("other")+`"`), str("bytes=1-2") }, 412},
	} {
		_, body, err := g.get(t.Context(), "k", c.change)
		switch {
		case c.status == 200 && (err != nil || body != "body"):
			t.Errorf("%s: %q, %v", c.name, body, err)
		case c.status == 412:
			t.Log(c.name)
			wantError(t, err, 412, "PreconditionFailed")
		case c.status == 304:
			t.Log(c.name)
			wantError(t, err, 304)
		}
	}
	_, err := g.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &g.bucket, Key: str("k"), IfMatch: str(`"` + md5Hex("other") + `"`)})
	wantError(t, err, 412)
}

func testS3WriteConditions(t *testing.T, g target) {
	ctx := t.Context()
	put := func(body string, change func(*s3.PutObjectInput)) error {
		in := &s3.PutObjectInput{Bucket: &g.bucket, Key: str("k"), Body: strings.NewReader(body)}
		change(in)
		_, err := g.client.PutObject(ctx, in)
		return err
	}
	absent := func(in *s3.PutObjectInput) { in.IfNoneMatch = str("*") }
	if err := put("first", absent); err != nil {
		t.Fatal(err)
	}
	wantError(t, put("second", absent), 412, "PreconditionFailed")
	g.wantBody(t, "k", "first")
	wantError(t, put("third", func(in *s3.PutObjectInput) { in.IfMatch = str(`"` + md5Hex("x") + `"`) }), 412, "PreconditionFailed")
	if err := put("fourth", func(in *s3.PutObjectInput) { in.IfMatch = str(`"` + md5Hex("first") + `"`) }); err != nil {
		t.Error(err)
	}
	g.wantBody(t, "k", "fourth")
}

func testS3Errors(t *testing.T, g target) {
	ctx := t.Context()
	_, _, err := g.get(ctx, "missing")
	wantError(t, err, 404, "NoSuchKey")
	_, err = g.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &g.bucket, Key: str("missing")})
	wantError(t, err, 404, "NotFound")
	nowhere := "conformance-no-such-bucket"
	_, err = g.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &nowhere, Key: str("k")})
	wantError(t, err, 404, "NoSuchBucket")
	_, err = g.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &nowhere})
	wantError(t, err, 404, "NotFound")
	_, err = g.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &nowhere, Key: str("k"), Body: strings.NewReader("x")})
	wantError(t, err, 404, "NoSuchBucket")
	_, err = g.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &nowhere})
	wantError(t, err, 404, "NoSuchBucket")
	_, err = g.client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &g.bucket, Key: str("missing")})
	wantError(t, err, 404, "NoSuchKey")
}

func testS3RequestIDs(t *testing.T, g target) {
	seen := map[string]bool{}
	for range 3 {
		_, _, err := g.get(t.Context(), "missing")
		var answer interface{ ServiceRequestID() string }
		if !errors.As(err, &answer) || answer.ServiceRequestID() == "" {
			t.Fatalf("no request ID in %v", err)
		}
		seen[answer.ServiceRequestID()] = true
	}
	if len(seen) != 3 {
		t.Errorf("request IDs are not unique: %v", seen)
	}
}

// getAs reads as somebody else.
func (g target) getAs(t *testing.T, c awssdk.CredentialsProvider) error {
	t.Helper()
	g.put(t, "k", "x")
	_, err := g.server.client(func(o *s3.Options) { o.Credentials = c }).GetObject(t.Context(), &s3.GetObjectInput{Bucket: &g.bucket, Key: str("k")})
	return err
}

func testS3WrongSecret(t *testing.T, g target) {
	err := g.getAs(t, credentials.NewStaticCredentialsProvider(g.server.accessKey, "wrong", ""))
	wantError(t, err, 403, "SignatureDoesNotMatch")
}

func testS3UnknownAccessKey(t *testing.T, g target) {
	err := g.getAs(t, credentials.NewStaticCredentialsProvider("nobody", "testtest", ""))
	wantError(t, err, 403, "InvalidAccessKeyId")
}

func testS3Anonymous(t *testing.T, g target) {
	wantError(t, g.getAs(t, awssdk.AnonymousCredentials{}), 403, "AccessDenied")
}
