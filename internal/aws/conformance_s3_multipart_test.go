package aws_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

// part5 is the least that a part may hold unless it is the last.
const part5 = 5 << 20

// multipart is a multipart upload under way.
type multipart struct {
	target
	key  string
	id   *string
	done []types.CompletedPart
}

func (g target) startMultipart(t *testing.T, key string, change ...func(*s3.CreateMultipartUploadInput)) *multipart {
	t.Helper()
	in := &s3.CreateMultipartUploadInput{Bucket: &g.bucket, Key: &key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme}
	for _, c := range change {
		c(in)
	}
	out, err := g.client.CreateMultipartUpload(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return &multipart{target: g, key: key, id: out.UploadId}
}

// upload sends one part and notes what came back.
func (m *multipart) upload(t *testing.T, number int32, body string, change ...func(*s3.UploadPartInput)) {
	t.Helper()
	in := &s3.UploadPartInput{Bucket: &m.bucket, Key: &m.key, UploadId: m.id, PartNumber: &number, Body: strings.NewReader(body),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme}
	for _, c := range change {
		c(in)
	}
	out, err := m.client.UploadPart(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if want := `"` + md5Hex(body) + `"`; *out.ETag != want {
		t.Errorf("ETag %s of part %d, want %s", *out.ETag, number, want)
	}
	m.done = append(m.done, types.CompletedPart{PartNumber: &number, ETag: out.ETag, ChecksumCRC64NVME: out.ChecksumCRC64NVME,
		ChecksumCRC32: out.ChecksumCRC32, ChecksumSHA256: out.ChecksumSHA256})
}

func (m *multipart) complete(t *testing.T, change ...func(*s3.CompleteMultipartUploadInput)) (*s3.CompleteMultipartUploadOutput, error) {
	in := &s3.CompleteMultipartUploadInput{Bucket: &m.bucket, Key: &m.key, UploadId: m.id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: m.done}}
	for _, c := range change {
		c(in)
	}
	return m.client.CompleteMultipartUpload(t.Context(), in)
}

// etagOfParts is the ETag S3 gives to an object in parts.
func etagOfParts(parts ...string) string {
	var sums []byte
	for _, p := range parts {
		sum := md5.Sum([]byte(p))
		sums = append(sums, sum[:]...)
	}
	sum := md5.Sum(sums)
	return fmt.Sprintf(`"%s-%d"`, hex.EncodeToString(sum[:]), len(parts))
}

func testS3Multipart(t *testing.T, g target) {
	a, b, c := strings.Repeat("a", part5), strings.Repeat("bc", part5/2)+"b", "tail"
	m := g.startMultipart(t, "big one", func(in *s3.CreateMultipartUploadInput) {
		in.Metadata, in.ContentType, in.Tagging = map[string]string{"colour": "red"}, str("text/x"), str("k=v")
	})
	m.upload(t, 1, a)
	m.upload(t, 2, b)
	m.upload(t, 3, c)
	out, err := m.complete(t)
	if err != nil {
		t.Fatal(err)
	}
	etag := etagOfParts(a, b, c)
	if *out.ETag != etag || *out.Key != "big one" {
		t.Errorf("%+v, want ETag %s", out, etag)
	}
	got, body, err := g.get(t.Context(), "big one")
	if err != nil || body != a+b+c || *got.ETag != etag || got.Metadata["colour"] != "red" || awssdk.ToString(got.ContentType) != "text/x" ||
		awssdk.ToInt32(got.TagCount) != 1 || *got.ContentLength != int64(len(a+b+c)) {
		t.Errorf("%d bytes, %+v, %v", len(body), got, err)
	}
	_, body, err = g.get(t.Context(), "big one", func(in *s3.GetObjectInput) { in.Range = str(fmt.Sprintf("bytes=%d-%d", part5-2, part5+1)) })
	if err != nil || body != "aabc" {
		t.Errorf("across parts: %q, %v", body, err)
	}
	_, err = g.client.ListParts(t.Context(), &s3.ListPartsInput{Bucket: &g.bucket, Key: &m.key, UploadId: m.id})
	wantError(t, err, 404, "NoSuchUpload")
}

func testS3MultipartChecksum(t *testing.T, g target) {
	a, b := strings.Repeat("a", part5), "tail"
	m := g.startMultipart(t, "k")
	m.upload(t, 1, a)
	m.upload(t, 2, b)
	_, err := m.complete(t, func(in *s3.CompleteMultipartUploadInput) {
		in.ChecksumCRC64NVME, in.ChecksumType = str(crc64Of("other")), types.ChecksumTypeFullObject
	})
	wantError(t, err, 400, "BadDigest")
	out, err := m.complete(t, func(in *s3.CompleteMultipartUploadInput) {
		in.ChecksumCRC64NVME, in.ChecksumType = str(crc64Of(a+b)), types.ChecksumTypeFullObject
	})
	if err != nil {
		t.Fatal(err)
	}
	if awssdk.ToString(out.ChecksumCRC64NVME) != crc64Of(a+b) || out.ChecksumType != types.ChecksumTypeFullObject {
		t.Errorf("%+v", out)
	}
	got, _, err := g.get(t.Context(), "k", withChecksums)
	if err != nil || awssdk.ToString(got.ChecksumCRC64NVME) != crc64Of(a+b) || got.ChecksumType != types.ChecksumTypeFullObject {
		t.Errorf("%+v, %v", got, err)
	}
	// A wrong checksum of a part is refused, and the upload goes on.
	m = g.startMultipart(t, "l")
	_, err = g.client.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &g.bucket, Key: &m.key, UploadId: m.id, PartNumber: awssdk.Int32(1),
		Body: strings.NewReader("x"), ChecksumCRC64NVME: str(crc64Of("y"))})
	wantError(t, err, 400, "BadDigest")
	m.upload(t, 1, "x")
	if _, err := m.complete(t); err != nil {
		t.Error(err)
	}
}

func testS3MultipartComposite(t *testing.T, g target) {
	m := g.startMultipart(t, "k", func(in *s3.CreateMultipartUploadInput) { in.ChecksumAlgorithm = types.ChecksumAlgorithmSha256 })
	m.upload(t, 1, "only", func(in *s3.UploadPartInput) { in.ChecksumAlgorithm = types.ChecksumAlgorithmSha256 })
	out, err := m.complete(t)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := base64.StdEncoding.DecodeString(sumOf(checksumCases[4].hash(), "only"))
	if err != nil {
		t.Fatal(err)
	}
	want := sumOf(checksumCases[4].hash(), string(inner)) + "-1"
	if awssdk.ToString(out.ChecksumSHA256) != want || out.ChecksumType != types.ChecksumTypeComposite {
		t.Errorf("%+v, want %s", out, want)
	}
	got, body, err := g.get(t.Context(), "k", withChecksums)
	if err != nil || body != "only" || awssdk.ToString(got.ChecksumSHA256) != want || got.ChecksumType != types.ChecksumTypeComposite {
		t.Errorf("%q %+v, %v", body, got, err)
	}
}

func testS3MultipartErrors(t *testing.T, g target) {
	m := g.startMultipart(t, "k")
	m.upload(t, 1, strings.Repeat("a", part5))
	m.upload(t, 2, strings.Repeat("b", part5))
	m.upload(t, 3, "short")
	m.upload(t, 4, "tail")
	good := m.done
	named := func(i int, as int32) types.CompletedPart {
		p := good[i]
		p.PartNumber = &as
		return p
	}
	for _, c := range []struct {
		parts []types.CompletedPart
		code  string
	}{
		{good, "EntityTooSmall"},
		{[]types.CompletedPart{good[1], good[0]}, "InvalidPartOrder"},
		{[]types.CompletedPart{good[0], good[0]}, "InvalidPartOrder"},
		{[]types.CompletedPart{good[0], named(1, 9)}, "InvalidPart"},
		{[]types.CompletedPart{named(0, 2)}, "InvalidPart"},
		{nil, "MalformedXML"},
	} {
		m.done = c.parts
		_, err := m.complete(t)
		t.Log(c.code)
		wantError(t, err, 400, c.code)
	}
	m.done = []types.CompletedPart{good[0], good[3]} // a part that is not named is dropped
	if _, err := m.complete(t); err != nil {
		t.Error(err)
	}
	g.wantBody(t, "k", strings.Repeat("a", part5)+"tail")
}

func testS3PartErrors(t *testing.T, g target) {
	m := g.startMultipart(t, "k")
	var err error
	for _, number := range []int32{0, 10001} {
		_, err = g.client.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &g.bucket, Key: &m.key, UploadId: m.id, PartNumber: &number, Body: strings.NewReader("")})
		wantError(t, err, 400, "InvalidArgument")
	}
	_, err = g.client.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &g.bucket, Key: &m.key, UploadId: str(strings.Repeat("0", len(*m.id))),
		PartNumber: awssdk.Int32(1), Body: strings.NewReader("")})
	wantError(t, err, 404, "NoSuchUpload")
}

func testS3MultipartOverwrite(t *testing.T, g target) {
	g.put(t, "k", "old")
	m := g.startMultipart(t, "k")
	m.upload(t, 1, "first try")
	m.done = nil
	m.upload(t, 1, "second try")
	g.wantBody(t, "k", "old")
	if _, err := m.complete(t); err != nil {
		t.Fatal(err)
	}
	g.wantBody(t, "k", "second try")
}

func testS3MultipartAgain(t *testing.T, g target) {
	m := g.startMultipart(t, "k")
	m.upload(t, 1, "x")
	first, err := m.complete(t)
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.complete(t)
	if err != nil || *again.ETag != *first.ETag {
		t.Errorf("completed again: %+v, %v", again, err)
	}
}

func testS3MultipartIfAbsent(t *testing.T, g target) {
	m := g.startMultipart(t, "k")
	m.upload(t, 1, "x")
	g.put(t, "k", "was faster")
	_, err := m.complete(t, func(in *s3.CompleteMultipartUploadInput) { in.IfNoneMatch = str("*") })
	wantError(t, err, 412, "PreconditionFailed")
	g.wantBody(t, "k", "was faster")
}

func testS3MultipartLists(t *testing.T, g target) {
	ctx := t.Context()
	m := g.startMultipart(t, "up/k")
	m.upload(t, 1, "one")
	m.upload(t, 2, "two")
	m.upload(t, 3, "three")
	parts, err := g.client.ListParts(ctx, &s3.ListPartsInput{Bucket: &g.bucket, Key: &m.key, UploadId: m.id})
	if err != nil || len(parts.Parts) != 3 || *parts.Parts[2].Size != 5 || *parts.Parts[2].ETag != *m.done[2].ETag || *parts.Parts[2].PartNumber != 3 {
		t.Fatalf("%+v, %v", parts, err)
	}
	parts, err = g.client.ListParts(ctx, &s3.ListPartsInput{Bucket: &g.bucket, Key: &m.key, UploadId: m.id, MaxParts: awssdk.Int32(1), PartNumberMarker: str("1")})
	if err != nil || len(parts.Parts) != 1 || *parts.Parts[0].PartNumber != 2 || !*parts.IsTruncated {
		t.Errorf("%+v, %v", parts, err)
	}
	other := g.startMultipart(t, "other")
	uploads, err := g.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &g.bucket})
	if err != nil || len(uploads.Uploads) != 2 || *uploads.Uploads[0].Key != "other" || *uploads.Uploads[1].UploadId != *m.id {
		t.Fatalf("%+v, %v", uploads, err)
	}
	uploads, err = g.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &g.bucket, Prefix: str("up/")})
	if err != nil || len(uploads.Uploads) != 1 || *uploads.Uploads[0].Key != "up/k" {
		t.Errorf("%+v, %v", uploads, err)
	}
	other.upload(t, 1, "x")
	if _, err := other.complete(t); err != nil {
		t.Error(err)
	}
	uploads, err = g.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &g.bucket})
	if err != nil || len(uploads.Uploads) != 1 {
		t.Errorf("%+v, %v", uploads, err)
	}
}

func testS3Abort(t *testing.T, g target) {
	m := g.startMultipart(t, "k")
	m.upload(t, 1, "x")
	abort := func() error {
		_, err := g.client.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &g.bucket, Key: &m.key, UploadId: m.id})
		return err
	}
	if err := abort(); err != nil {
		t.Fatal(err)
	}
	wantError(t, abort(), 404, "NoSuchUpload")
	_, err := m.complete(t)
	wantError(t, err, 404, "NoSuchUpload")
	_, err = g.client.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &g.bucket, Key: &m.key, UploadId: m.id, PartNumber: awssdk.Int32(2), Body: strings.NewReader("y")})
	wantError(t, err, 404, "NoSuchUpload")
	_, _, err = g.get(t.Context(), "k")
	wantError(t, err, 404, "NoSuchKey")
}

func testS3PartCopy(t *testing.T, g target) {
	source := strings.Repeat("0123456789", part5/5)
	etag := g.put(t, "src +ü", source).ETag
	m := g.startMultipart(t, "dst")
	copyPart := func(number int32, from, to int, change ...func(*s3.UploadPartCopyInput)) error {
		in := &s3.UploadPartCopyInput{Bucket: &g.bucket, Key: &m.key, UploadId: m.id, PartNumber: &number,
			CopySource: str(copySource(g.bucket, "src +ü")), CopySourceRange: str(fmt.Sprintf("bytes=%d-%d", from, to)), CopySourceIfMatch: etag}
		for _, c := range change {
			c(in)
		}
		out, err := g.client.UploadPartCopy(t.Context(), in)
		if err == nil {
			if want := `"` + md5Hex(source[from:to+1]) + `"`; *out.CopyPartResult.ETag != want {
				t.Errorf("ETag %s, want %s", *out.CopyPartResult.ETag, want)
			}
			m.done = append(m.done, types.CompletedPart{PartNumber: &number, ETag: out.CopyPartResult.ETag,
				ChecksumCRC64NVME: out.CopyPartResult.ChecksumCRC64NVME})
		}
		return err
	}
	if err := copyPart(1, 3, part5+2); err != nil {
		t.Fatal(err)
	}
	if err := copyPart(2, 5, 9); err != nil {
		t.Fatal(err)
	}
	wantError(t, copyPart(3, 0, 9, func(in *s3.UploadPartCopyInput) { in.CopySourceIfMatch = str(`"` + md5Hex("") + `"`) }), 412, "PreconditionFailed")
	wantError(t, copyPart(3, 0, 9, func(in *s3.UploadPartCopyInput) { in.CopySourceRange = str("bytes=0-99999999") }), 400, "InvalidArgument", "InvalidRange")
	wantError(t, copyPart(3, 0, 9, func(in *s3.UploadPartCopyInput) { in.CopySource = str(g.bucket + "/missing") }), 404, "NoSuchKey")
	out, err := m.complete(t)
	if err != nil {
		t.Fatal(err)
	}
	want := source[3:part5+3] + "56789"
	if diff := cmp.Diff(etagOfParts(source[3:part5+3], "56789"), *out.ETag); diff != "" {
		t.Error(diff)
	}
	if _, got, err := g.get(t.Context(), "dst"); err != nil || got != want {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func testS3PartCopyChecksum(t *testing.T, g target) {
	g.put(t, "src", "0123456789")
	m := g.startMultipart(t, "dst")
	part, err := g.client.UploadPartCopy(t.Context(), &s3.UploadPartCopyInput{Bucket: &g.bucket, Key: &m.key, UploadId: m.id,
		PartNumber: awssdk.Int32(1), CopySource: str(copySource(g.bucket, "src")), CopySourceRange: str("bytes=2-4")})
	if err != nil {
		t.Fatal(err)
	}
	if got := awssdk.ToString(part.CopyPartResult.ChecksumCRC64NVME); got != crc64Of("234") {
		t.Errorf("CRC64NVME %s of the part, want %s", got, crc64Of("234"))
	}
	m.done = []types.CompletedPart{{PartNumber: awssdk.Int32(1), ETag: part.CopyPartResult.ETag, ChecksumCRC64NVME: part.CopyPartResult.ChecksumCRC64NVME}}
	out, err := m.complete(t)
	if err != nil {
		t.Fatal(err)
	}
	if got := awssdk.ToString(out.ChecksumCRC64NVME); got != crc64Of("234") {
		t.Errorf("CRC64NVME %s of the object, want %s", got, crc64Of("234"))
	}
}
