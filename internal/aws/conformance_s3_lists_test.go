package aws_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

// keys lists with in, all pages of it, and gives keys and common prefixes.
func (g target) keys(t *testing.T, in s3.ListObjectsV2Input) (keys, prefixes []string) {
	t.Helper()
	in.Bucket = &g.bucket
	for {
		out, err := g.client.ListObjectsV2(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(out.Contents) + len(out.CommonPrefixes); int(awssdk.ToInt32(out.KeyCount)) != got {
			t.Errorf("KeyCount %d of %d", awssdk.ToInt32(out.KeyCount), got)
		} else if in.MaxKeys != nil && got > int(*in.MaxKeys) {
			t.Errorf("%d on a page of %d", got, *in.MaxKeys)
		}
		for _, o := range out.Contents {
			keys = append(keys, *o.Key)
		}
		for _, p := range out.CommonPrefixes {
			prefixes = append(prefixes, *p.Prefix)
		}
		if !awssdk.ToBool(out.IsTruncated) {
			return keys, prefixes
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// roundTrip stores each key, reads it back, and finds it in a listing.
func (g target) roundTrip(t *testing.T, keys []string) {
	t.Helper()
	for _, k := range keys {
		g.put(t, k, "content of "+k)
	}
	for _, k := range keys {
		g.wantBody(t, k, "content of "+k)
		got, _ := g.keys(t, s3.ListObjectsV2Input{Prefix: &k})
		if !slices.Contains(got, k) {
			t.Errorf("listing with prefix %q: %q", k, got)
		}
	}
	all, _ := g.keys(t, s3.ListObjectsV2Input{})
	slices.Sort(keys)
	if diff := cmp.Diff(keys, all); diff != "" {
		t.Errorf("listing: %s", diff)
	}
}

func testS3Keys(t *testing.T, g target) {
	g.roundTrip(t, []string{
		"plain", "two words", "plus+plus", "a,b", "100%", "%41", "%2F", "a%2Fb", `say "so"`, "it's", "snowman ☃/日本語", "new\nline", "tab\there",
		"q?a=b&c", "hash#tag", "semi;colon=x", "<&>", "back\\slash", "~tilde", "star*", "{brace}", "[x]", "at@sign:colon", "trailing.",
		"é", "e\u0301", "🎉", strings.Repeat("k", 200) + "/" + strings.Repeat("l", 200) + "/" + strings.Repeat("m", 200),
	})
}

func testS3KeysLikePaths(t *testing.T, g target) {
	g.roundTrip(t, []string{
		"a", "a/b", "/leading", "//two", "x//y", "x///y", "dir/", "./here", "x/./y", "..", "x/../y", ".", strings.Repeat("n", 1000),
	})
}

func testS3KeyLong(t *testing.T, g target) {
	g.roundTrip(t, []string{strings.Repeat("0123456789abcde/", 64)[:1023] + "x"})
}

func testS3KeyTooLong(t *testing.T, g target) {
	_, err := g.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &g.bucket, Key: str(strings.Repeat("0123456789abcde/", 64) + "x"), Body: strings.NewReader("")})
	wantError(t, err, 400, "KeyTooLongError")
}

func testS3List(t *testing.T, g target) {
	var all []string
	for i := range 25 {
		k := fmt.Sprintf("p/%02d", i)
		g.put(t, k, strings.Repeat("x", i))
		all = append(all, k)
	}
	g.put(t, "q", "")
	got, _ := g.keys(t, s3.ListObjectsV2Input{Prefix: str("p/")})
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("prefix: %s", diff)
	}
	got, _ = g.keys(t, s3.ListObjectsV2Input{Prefix: str("p/"), MaxKeys: awssdk.Int32(7)})
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("pages: %s", diff)
	}
	got, _ = g.keys(t, s3.ListObjectsV2Input{MaxKeys: awssdk.Int32(25), StartAfter: str("p/10")})
	if diff := cmp.Diff(append(slices.Clone(all[11:]), "q"), got); diff != "" {
		t.Errorf("start after: %s", diff)
	}
	got, _ = g.keys(t, s3.ListObjectsV2Input{Prefix: str("none")})
	if len(got) != 0 {
		t.Errorf("no such prefix: %q", got)
	}
	out, err := g.client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &g.bucket, Prefix: str("p/03")})
	if err != nil || len(out.Contents) != 1 {
		t.Fatalf("%v, %v", out, err)
	}
	o := out.Contents[0]
	if *o.Size != 3 || *o.ETag != `"`+md5Hex("xxx")+`"` || o.StorageClass != types.ObjectStorageClassStandard || o.LastModified.IsZero() {
		t.Errorf("%+v", o)
	}
}

func testS3ListDelimiter(t *testing.T, g target) {
	for _, k := range []string{"a", "b/1", "b/2", "b/c/3", "d", "f/1"} {
		g.put(t, k, "")
	}
	for _, c := range []struct {
		in             s3.ListObjectsV2Input
		keys, prefixes []string
	}{
		{s3.ListObjectsV2Input{Delimiter: str("/")}, []string{"a", "d"}, []string{"b/", "f/"}},
		{s3.ListObjectsV2Input{Delimiter: str("/"), MaxKeys: awssdk.Int32(1)}, []string{"a", "d"}, []string{"b/", "f/"}},
		{s3.ListObjectsV2Input{Delimiter: str("/"), Prefix: str("b/")}, []string{"b/1", "b/2"}, []string{"b/c/"}},
		{s3.ListObjectsV2Input{Delimiter: str("/"), Prefix: str("b")}, nil, []string{"b/"}},
		{s3.ListObjectsV2Input{Delimiter: str("/"), StartAfter: str("c")}, []string{"d"}, []string{"f/"}},
	} {
		keys, prefixes := g.keys(t, c.in)
		if diff := cmp.Diff([][]string{c.keys, c.prefixes}, [][]string{keys, prefixes}); diff != "" {
			t.Errorf("prefix %q, start after %q: %s", awssdk.ToString(c.in.Prefix), awssdk.ToString(c.in.StartAfter), diff)
		}
	}
}

func testS3ListEncoded(t *testing.T, g target) {
	key := "a b+c/%41\n☃"
	g.put(t, key, "")
	out, err := g.client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &g.bucket, EncodingType: types.EncodingTypeUrl})
	if err != nil || len(out.Contents) != 1 {
		t.Fatalf("%v, %v", out, err)
	}
	got, err := url.QueryUnescape(*out.Contents[0].Key)
	if err != nil || got != key || *out.Contents[0].Key == key {
		t.Errorf("%q is %q, %v", *out.Contents[0].Key, got, err)
	}
}

func testS3Buckets(t *testing.T, g target) {
	ctx := t.Context()
	if _, err := g.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &g.bucket}); err != nil {
		t.Error(err)
	}
	location, err := g.client.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &g.bucket})
	if err != nil || location.LocationConstraint != "" {
		t.Errorf("location %v, %v; want none, for us-east-1", location, err)
	}
	list, err := g.client.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil || !slices.ContainsFunc(list.Buckets, func(b types.Bucket) bool { return *b.Name == g.bucket }) {
		t.Errorf("%v, %v", list, err)
	}
	g.put(t, "k", "")
	_, err = g.client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &g.bucket})
	wantError(t, err, 409, "BucketNotEmpty")
	if _, err := g.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &g.bucket, Key: str("k")}); err != nil {
		t.Error(err)
	}
	if _, err := g.client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &g.bucket}); err != nil {
		t.Error(err)
	}
	_, err = g.client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &g.bucket})
	wantError(t, err, 404, "NoSuchBucket")
	_, err = g.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: str("No_Bucket")})
	wantError(t, err, 400, "InvalidBucketName")
}
