package aws_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/crc64nvme"
)

// checksumCases are the algorithms, with how to send and to read each.
var checksumCases = []struct {
	algorithm types.ChecksumAlgorithm
	hash      func() hash.Hash
	set       func(*s3.PutObjectInput, string)
	get       func(*s3.GetObjectOutput) *string
}{
	{types.ChecksumAlgorithmCrc64nvme, func() hash.Hash { return crc64nvme.New() },
		func(in *s3.PutObjectInput, v string) { in.ChecksumCRC64NVME = &v },
		func(o *s3.GetObjectOutput) *string { return o.ChecksumCRC64NVME }},
	{types.ChecksumAlgorithmCrc32, func() hash.Hash { return crc32.NewIEEE() },
		func(in *s3.PutObjectInput, v string) { in.ChecksumCRC32 = &v },
		func(o *s3.GetObjectOutput) *string { return o.ChecksumCRC32 }},
	{types.ChecksumAlgorithmCrc32c, func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
		func(in *s3.PutObjectInput, v string) { in.ChecksumCRC32C = &v },
		func(o *s3.GetObjectOutput) *string { return o.ChecksumCRC32C }},
	{types.ChecksumAlgorithmSha1, sha1.New,
		func(in *s3.PutObjectInput, v string) { in.ChecksumSHA1 = &v },
		func(o *s3.GetObjectOutput) *string { return o.ChecksumSHA1 }},
	{types.ChecksumAlgorithmSha256, sha256.New,
		func(in *s3.PutObjectInput, v string) { in.ChecksumSHA256 = &v },
		func(o *s3.GetObjectOutput) *string { return o.ChecksumSHA256 }},
}

// sumOf is a checksum as S3 writes it.
func sumOf(h hash.Hash, body string) string {
	h.Write([]byte(body))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func crc64Of(body string) string { return sumOf(crc64nvme.New(), body) }

func withChecksums(in *s3.GetObjectInput) { in.ChecksumMode = types.ChecksumModeEnabled }

func testS3Checksums(t *testing.T, g target) {
	for _, c := range checksumCases {
		key := string(c.algorithm)
		// The SDK calculates it; the server compares.
		g.put(t, key, "body", func(in *s3.PutObjectInput) { in.ChecksumAlgorithm = c.algorithm })
		g.wantBody(t, key, "body")
		// The test has calculated it.
		g.put(t, key, "body", func(in *s3.PutObjectInput) { c.set(in, sumOf(c.hash(), "body")) })
		g.wantBody(t, key, "body")
	}
}

func testS3ChecksumAsSent(t *testing.T, g target) {
	for _, c := range checksumCases {
		key := string(c.algorithm)
		g.put(t, key, "body", func(in *s3.PutObjectInput) { in.ChecksumAlgorithm = c.algorithm })
		out, _, err := g.get(t.Context(), key, withChecksums)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := awssdk.ToString(c.get(out)), sumOf(c.hash(), "body"); got != want || out.ChecksumType != types.ChecksumTypeFullObject {
			t.Errorf("%s: %q %s, want %q FULL_OBJECT", c.algorithm, got, out.ChecksumType, want)
		}
		out, _, err = g.get(t.Context(), key)
		if err != nil || c.get(out) != nil {
			t.Errorf("%s: a checksum that nobody asked for (%v)", c.algorithm, err)
		}
		head, err := g.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &g.bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
		if err != nil || head.ChecksumType != types.ChecksumTypeFullObject {
			t.Errorf("%s: head: %v, %v", c.algorithm, head, err)
		}
	}
}

// quiet makes a client that sends no checksum unless it must.
func (g target) quiet() *s3.Client {
	return g.server.client(func(o *s3.Options) {
		o.RequestChecksumCalculation = awssdk.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = awssdk.ResponseChecksumValidationWhenRequired
	})
}

func testS3ChecksumByDefault(t *testing.T, g target) {
	client := g.quiet()
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &g.bucket, Key: str("k"), Body: strings.NewReader("body")}); err != nil {
		t.Fatal(err)
	}
	g.client = client
	out, _, err := g.get(t.Context(), "k", withChecksums)
	if err != nil {
		t.Fatal(err)
	}
	if got := awssdk.ToString(out.ChecksumCRC64NVME); got != crc64Of("body") || out.ChecksumType != types.ChecksumTypeFullObject {
		t.Errorf("CRC64NVME %q %s, want %q", got, out.ChecksumType, crc64Of("body"))
	}
}

func testS3RangedChecksum(t *testing.T, g target) {
	g.put(t, "k", "0123456789")
	out, body, err := g.get(t.Context(), "k", withChecksums, func(in *s3.GetObjectInput) { in.Range = str("bytes=2-3") })
	if err != nil || body != "23" {
		t.Fatalf("%q, %v", body, err)
	}
	for _, c := range checksumCases {
		if sum := c.get(out); sum != nil {
			t.Errorf("a range has the %s %s", c.algorithm, *sum)
		}
	}
}

func testS3WrongChecksums(t *testing.T, g target) {
	for _, c := range checksumCases {
		in := &s3.PutObjectInput{Bucket: &g.bucket, Key: str("wrong"), Body: strings.NewReader("body")}
		c.set(in, sumOf(c.hash(), "other"))
		_, err := g.client.PutObject(t.Context(), in)
		t.Log(c.algorithm)
		wantError(t, err, 400, "BadDigest", "InvalidDigest")
	}
	_, err := g.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &g.bucket, Key: str("wrong"), Body: strings.NewReader("body"),
		ContentMD5: str("1B2M2Y8AsgTpgAmY7PhCfg==")})
	wantError(t, err, 400, "BadDigest")
	_, err = g.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &g.bucket, Key: str("wrong"), Body: strings.NewReader("body"),
		ContentMD5: str("nonsense")})
	wantError(t, err, 400, "InvalidDigest")
	_, err = g.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &g.bucket, Key: str("wrong"), Body: strings.NewReader("body"),
		ChecksumCRC32: str("AA==")})
	wantError(t, err, 400, "InvalidRequest")
	_, _, err = g.get(t.Context(), "wrong")
	wantError(t, err, 404, "NoSuchKey")
}
