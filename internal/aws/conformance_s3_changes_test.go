package aws_test

import (
	"fmt"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

// copyOf copies within the bucket.
func (g target) copyOf(t *testing.T, source, key string, change ...func(*s3.CopyObjectInput)) (*s3.CopyObjectOutput, error) {
	in := &s3.CopyObjectInput{Bucket: &g.bucket, Key: &key, CopySource: str(copySource(g.bucket, source))}
	for _, c := range change {
		c(in)
	}
	return g.client.CopyObject(t.Context(), in)
}

// copySource writes x-amz-copy-source.
func copySource(bucket, key string) string {
	var b strings.Builder
	for _, c := range []byte(key) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return bucket + "/" + b.String()
}

func testS3Copy(t *testing.T, g target) {
	source := "src + ü,%/k"
	g.put(t, source, "content", func(in *s3.PutObjectInput) {
		in.Metadata = map[string]string{"colour": "red"}
		in.ContentType, in.Tagging = str("text/x"), str("k=v")
	})
	out, err := g.copyOf(t, source, "dst/k")
	if err != nil {
		t.Fatal(err)
	}
	if *out.CopyObjectResult.ETag != `"`+md5Hex("content")+`"` || out.CopyObjectResult.LastModified == nil {
		t.Errorf("%+v", out.CopyObjectResult)
	}
	got, body, err := g.get(t.Context(), "dst/k")
	if err != nil || body != "content" || got.Metadata["colour"] != "red" || awssdk.ToString(got.ContentType) != "text/x" || awssdk.ToInt32(got.TagCount) != 1 {
		t.Errorf("%q %+v, %v", body, got, err)
	}
	g.wantBody(t, source, "content")
}

func testS3CopyReplace(t *testing.T, g target) {
	g.put(t, "src", "content", func(in *s3.PutObjectInput) {
		in.Metadata, in.Tagging = map[string]string{"colour": "red"}, str("k=v&l=w")
		in.ContentType = str("text/x")
	})
	_, err := g.copyOf(t, "src", "dst", func(in *s3.CopyObjectInput) {
		in.MetadataDirective, in.TaggingDirective = types.MetadataDirectiveReplace, types.TaggingDirectiveReplace
		in.Metadata, in.Tagging, in.ContentType = map[string]string{"size": "large"}, str("m=x"), str("text/y")
	})
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := g.get(t.Context(), "dst")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"size": "large"}, got.Metadata); diff != "" || awssdk.ToString(got.ContentType) != "text/y" {
		t.Errorf("%s %s", diff, awssdk.ToString(got.ContentType))
	}
	if diff := cmp.Diff(map[string]string{"m": "x"}, g.tags(t, "dst")); diff != "" {
		t.Error(diff)
	}
	// An object copied to itself, with something changed.
	if _, err := g.copyOf(t, "src", "src", func(in *s3.CopyObjectInput) {
		in.MetadataDirective, in.Metadata = types.MetadataDirectiveReplace, map[string]string{"new": "yes"}
	}); err != nil {
		t.Fatal(err)
	}
	got, body, err := g.get(t.Context(), "src")
	if err != nil || body != "content" || got.Metadata["new"] != "yes" || got.Metadata["colour"] != "" {
		t.Errorf("%q %v, %v", body, got.Metadata, err)
	}
}

func testS3CopyConditions(t *testing.T, g target) {
	etag := g.put(t, "src", "content").ETag
	if _, err := g.copyOf(t, "src", "dst", func(in *s3.CopyObjectInput) { in.CopySourceIfMatch = etag }); err != nil {
		t.Error(err)
	}
	_, err := g.copyOf(t, "src", "dst", func(in *s3.CopyObjectInput) { in.CopySourceIfMatch = str(`"` + md5Hex("other") + `"`) })
	wantError(t, err, 412, "PreconditionFailed")
}

func testS3CopyIfNoneMatch(t *testing.T, g target) {
	etag := g.put(t, "src", "content").ETag
	_, err := g.copyOf(t, "src", "dst", func(in *s3.CopyObjectInput) { in.CopySourceIfNoneMatch = etag })
	wantError(t, err, 412, "PreconditionFailed")
}

func testS3CopyErrors(t *testing.T, g target) {
	g.put(t, "src", "content")
	_, err := g.copyOf(t, "missing", "dst")
	wantError(t, err, 404, "NoSuchKey")
	_, err = g.copyOf(t, "src", "dst", func(in *s3.CopyObjectInput) { in.CopySource = str("conformance-no-such-bucket/src") })
	wantError(t, err, 404, "NoSuchBucket")
	_, err = g.copyOf(t, "src", "src")
	wantError(t, err, 400, "InvalidRequest")
}

func testS3Delete(t *testing.T, g target) {
	g.put(t, "a/b", "x")
	for range 2 { // gone is gone
		if _, err := g.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &g.bucket, Key: str("a/b")}); err != nil {
			t.Error(err)
		}
	}
	_, _, err := g.get(t.Context(), "a/b")
	wantError(t, err, 404, "NoSuchKey")
	if got, _ := g.keys(t, s3.ListObjectsV2Input{}); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func testS3DeleteConditions(t *testing.T, g target) {
	etag := g.put(t, "k", "x").ETag
	_, err := g.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &g.bucket, Key: str("k"), IfMatch: str(`"` + md5Hex("other") + `"`)})
	wantError(t, err, 412, "PreconditionFailed")
	g.wantBody(t, "k", "x")
	if _, err := g.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &g.bucket, Key: str("k"), IfMatch: etag}); err != nil {
		t.Error(err)
	}
	_, _, err = g.get(t.Context(), "k")
	wantError(t, err, 404, "NoSuchKey")
}

func testS3DeleteMany(t *testing.T, g target) {
	var ids []types.ObjectIdentifier
	for _, k := range []string{"a", "b c", "d&e"} {
		g.put(t, k, "")
		ids = append(ids, types.ObjectIdentifier{Key: str(k)})
	}
	g.put(t, "kept", "")
	ids = append(ids, types.ObjectIdentifier{Key: str("missing")})
	out, err := g.client.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &g.bucket, Delete: &types.Delete{Objects: ids}})
	if err != nil || len(out.Deleted) != 4 || len(out.Errors) != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if got, _ := g.keys(t, s3.ListObjectsV2Input{}); !cmp.Equal(got, []string{"kept"}) {
		t.Errorf("%q", got)
	}
}

func testS3DeleteManyQuiet(t *testing.T, g target) {
	g.put(t, "kept", "")
	out, err := g.client.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &g.bucket,
		Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: str("kept")}}, Quiet: awssdk.Bool(true)}})
	if err != nil || len(out.Deleted) != 0 {
		t.Errorf("%+v, %v", out, err)
	}
}

// tags reads an object's tags.
func (g target) tags(t *testing.T, key string) map[string]string {
	t.Helper()
	out, err := g.client.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &g.bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	tags := map[string]string{}
	for _, tag := range out.TagSet {
		tags[*tag.Key] = *tag.Value
	}
	return tags
}

func testS3Tagging(t *testing.T, g target) {
	g.put(t, "k", "x", func(in *s3.PutObjectInput) { in.Tagging = str("a=b%20c&d=") })
	if diff := cmp.Diff(map[string]string{"a": "b c", "d": ""}, g.tags(t, "k")); diff != "" {
		t.Error(diff)
	}
	_, err := g.client.PutObjectTagging(t.Context(), &s3.PutObjectTaggingInput{Bucket: &g.bucket, Key: str("k"),
		Tagging: &types.Tagging{TagSet: []types.Tag{{Key: str("new key"), Value: str("ü+/=:@")}}}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"new key": "ü+/=:@"}, g.tags(t, "k")); diff != "" {
		t.Error(diff)
	}
	if out, _, err := g.get(t.Context(), "k"); err != nil || awssdk.ToInt32(out.TagCount) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := g.client.DeleteObjectTagging(t.Context(), &s3.DeleteObjectTaggingInput{Bucket: &g.bucket, Key: str("k")}); err != nil {
		t.Fatal(err)
	}
	if got := g.tags(t, "k"); len(got) != 0 {
		t.Error(got)
	}
	if out, _, err := g.get(t.Context(), "k"); err != nil || out.TagCount != nil {
		t.Errorf("%+v, %v", out, err)
	}
}

func testS3TaggingErrors(t *testing.T, g target) {
	g.put(t, "k", "x")
	put := func(tags ...types.Tag) error {
		_, err := g.client.PutObjectTagging(t.Context(), &s3.PutObjectTaggingInput{Bucket: &g.bucket, Key: str("k"), Tagging: &types.Tagging{TagSet: tags}})
		return err
	}
	var many []types.Tag
	for i := range 11 {
		many = append(many, types.Tag{Key: str(fmt.Sprint(i)), Value: str("")})
	}
	wantError(t, put(many...), 400, "BadRequest")
	wantError(t, put(types.Tag{Key: str("a"), Value: str("1")}, types.Tag{Key: str("a"), Value: str("2")}), 400, "InvalidTag")
	wantError(t, put(types.Tag{Key: str(strings.Repeat("k", 129)), Value: str("")}), 400, "InvalidTag")
	wantError(t, put(types.Tag{Key: str("k"), Value: str(strings.Repeat("v", 257))}), 400, "InvalidTag")
	wantError(t, put(types.Tag{Key: str(""), Value: str("v")}), 400, "InvalidTag")
}

func testS3StorageClass(t *testing.T, g target) {
	g.put(t, "k", "x", func(in *s3.PutObjectInput) { in.StorageClass = types.StorageClassStandardIa })
	head, err := g.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &g.bucket, Key: str("k")})
	if err != nil || head.StorageClass != types.StorageClassStandardIa {
		t.Errorf("%+v, %v", head, err)
	}
	g.wantBody(t, "k", "x")
	g.put(t, "l", "x")
	if out, _, err := g.get(t.Context(), "l"); err != nil || out.StorageClass != "" {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = g.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &g.bucket, Key: str("m"), Body: strings.NewReader(""), StorageClass: "NONSENSE"})
	wantError(t, err, 400, "InvalidStorageClass")
}

func testS3Archived(t *testing.T, g target) {
	ctx := t.Context()
	g.put(t, "k", "x", func(in *s3.PutObjectInput) { in.StorageClass = types.StorageClassGlacier })
	_, _, err := g.get(ctx, "k")
	wantError(t, err, 403, "InvalidObjectState")
	_, err = g.copyOf(t, "k", "copy")
	wantError(t, err, 403, "InvalidObjectState", "ObjectNotInActiveTierError")
	head, err := g.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &g.bucket, Key: str("k")})
	if err != nil || head.StorageClass != types.StorageClassGlacier || head.Restore != nil {
		t.Errorf("%+v, %v", head, err)
	}
	ask := &types.RestoreRequest{Days: awssdk.Int32(2), GlacierJobParameters: &types.GlacierJobParameters{Tier: types.TierBulk}}
	if _, err := g.client.RestoreObject(ctx, &s3.RestoreObjectInput{Bucket: &g.bucket, Key: str("k"), RestoreRequest: ask}); err != nil {
		t.Fatal(err)
	}
	head, err = g.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &g.bucket, Key: str("k")})
	if err != nil || !strings.HasPrefix(awssdk.ToString(head.Restore), `ongoing-request="false", expiry-date="`) {
		t.Errorf("%+v, %v", head, err)
	}
	g.wantBody(t, "k", "x")
	g.put(t, "warm", "x")
	_, err = g.client.RestoreObject(ctx, &s3.RestoreObjectInput{Bucket: &g.bucket, Key: str("warm"), RestoreRequest: ask})
	wantError(t, err, 403, "InvalidObjectState")
}

func testS3Versions(t *testing.T, g target) {
	ctx := t.Context()
	g.put(t, "k", "null")
	if _, err := g.client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &g.bucket,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}); err != nil {
		t.Fatal(err)
	}
	status, err := g.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &g.bucket})
	if err != nil || status.Status != types.BucketVersioningStatusEnabled {
		t.Errorf("%+v, %v", status, err)
	}
	first, second := g.put(t, "k", "first").VersionId, g.put(t, "k", "second").VersionId
	if first == nil || second == nil || *first == *second {
		t.Fatalf("version IDs %v, %v", first, second)
	}
	read := func(id *string) (string, error) {
		_, body, err := g.get(ctx, "k", func(in *s3.GetObjectInput) { in.VersionId = id })
		return body, err
	}
	for id, want := range map[*string]string{first: "first", second: "second", nil: "second", str("null"): "null"} {
		if body, err := read(id); err != nil || body != want {
			t.Errorf("version %s: %q, %v; want %q", awssdk.ToString(id), body, err, want)
		}
	}
	if _, err := g.copyOf(t, "", "copy", func(in *s3.CopyObjectInput) { in.CopySource = str(g.bucket + "/k?versionId=" + *first) }); err != nil {
		t.Error(err)
	}
	g.wantBody(t, "copy", "first")

	gone, err := g.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &g.bucket, Key: str("k")})
	if err != nil || !awssdk.ToBool(gone.DeleteMarker) || gone.VersionId == nil {
		t.Fatalf("%+v, %v", gone, err)
	}
	_, err = read(nil)
	wantError(t, err, 404, "NoSuchKey")
	_, err = read(gone.VersionId)
	wantError(t, err, 405, "MethodNotAllowed")
	if body, err := read(second); err != nil || body != "second" {
		t.Errorf("%q, %v", body, err)
	}
	if got, _ := g.keys(t, s3.ListObjectsV2Input{}); !cmp.Equal(got, []string{"copy"}) {
		t.Errorf("%q", got)
	}
	list, err := g.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &g.bucket, Prefix: str("k")})
	if err != nil || len(list.Versions) != 3 || len(list.DeleteMarkers) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if *list.Versions[0].VersionId != *second || *list.Versions[1].VersionId != *first || *list.Versions[2].VersionId != "null" ||
		!*list.DeleteMarkers[0].IsLatest || *list.Versions[0].IsLatest {
		t.Errorf("%+v", list)
	}
	for _, id := range []*string{second, gone.VersionId} {
		if _, err := g.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &g.bucket, Key: str("k"), VersionId: id}); err != nil {
			t.Error(err)
		}
	}
	g.wantBody(t, "k", "first")
	_, err = read(second)
	wantError(t, err, 404, "NoSuchVersion")
}
