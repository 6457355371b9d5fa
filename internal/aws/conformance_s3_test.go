package aws_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"s3bundler/internal/sandbox"
)

// target is one bucket of one server, for one case of the suite.
type target struct {
	server server
	client *s3.Client
	bucket string
}

// s3Cases are what every S3 must do. Where a server is known not to, its list
// of differences says so by the case's name, and why.
var s3Cases = []struct {
	name string
	run  func(*testing.T, target)
}{
	{"PutGetHead", testS3PutGetHead},
	{"EmptyObject", testS3EmptyObject},
	{"NoMetadataByDefault", testS3NoMetadataByDefault},
	{"Ranges", testS3Ranges},
	{"ReadConditions", testS3ReadConditions},
	{"WriteConditions", testS3WriteConditions},
	{"Errors", testS3Errors},
	{"RequestIDs", testS3RequestIDs},
	{"WrongSecret", testS3WrongSecret},
	{"UnknownAccessKey", testS3UnknownAccessKey},
	{"Anonymous", testS3Anonymous},
	{"Checksums", testS3Checksums},
	{"ChecksumAsSent", testS3ChecksumAsSent},
	{"ChecksumByDefault", testS3ChecksumByDefault},
	{"RangedChecksum", testS3RangedChecksum},
	{"WrongChecksums", testS3WrongChecksums},
	{"Keys", testS3Keys},
	{"KeysLikePaths", testS3KeysLikePaths},
	{"KeyLong", testS3KeyLong},
	{"KeyTooLong", testS3KeyTooLong},
	{"List", testS3List},
	{"ListDelimiter", testS3ListDelimiter},
	{"ListEncoded", testS3ListEncoded},
	{"Copy", testS3Copy},
	{"CopyReplace", testS3CopyReplace},
	{"CopyConditions", testS3CopyConditions},
	{"CopyIfNoneMatch", testS3CopyIfNoneMatch},
	{"CopyErrors", testS3CopyErrors},
	{"Delete", testS3Delete},
	{"DeleteConditions", testS3DeleteConditions},
	{"DeleteMany", testS3DeleteMany},
	{"DeleteManyQuiet", testS3DeleteManyQuiet},
	{"Tagging", testS3Tagging},
	{"TaggingErrors", testS3TaggingErrors},
	{"Multipart", testS3Multipart},
	{"MultipartChecksum", testS3MultipartChecksum},
	{"MultipartComposite", testS3MultipartComposite},
	{"MultipartErrors", testS3MultipartErrors},
	{"PartErrors", testS3PartErrors},
	{"MultipartOverwrite", testS3MultipartOverwrite},
	{"MultipartAgain", testS3MultipartAgain},
	{"MultipartIfAbsent", testS3MultipartIfAbsent},
	{"MultipartLists", testS3MultipartLists},
	{"Abort", testS3Abort},
	{"PartCopy", testS3PartCopy},
	{"PartCopyChecksum", testS3PartCopyChecksum},
	{"Buckets", testS3Buckets},
	{"Versions", testS3Versions},
	{"StorageClass", testS3StorageClass},
	{"Archived", testS3Archived},
}

// versitygwDiffers are the cases that versitygw v1.8.0 fails, and what it does
// instead. It keeps objects as files under their keys.
var versitygwDiffers = map[string]string{
	"UnknownAccessKey": "404 XAdminUserNotFound",
	"KeysLikePaths":    "keys are paths: a beside a/b, empty and dotted elements, elements over 255 bytes are refused or lost",
	"KeyTooLong":       "the limit is the file system's",
	"ListEncoded":      "encoding-type=url is ignored",
	"CopyIfNoneMatch":  "304 instead of 412",
	"DeleteManyQuiet":  "Quiet is ignored",
	"PartCopyChecksum": "the checksum of a range copied is that of something else",
	"Versions":         "after newer versions are deleted the oldest is current, not the one before",
	"StorageClass":     "always STANDARD, and always said",
	"Archived":         "nothing is ever archived",
}

// motoDiffers are the cases that moto 5.2.1 fails, and what it does instead.
// Signatures are not checked, and what would be refused often ends in a 500.
var motoDiffers = map[string]string{
	"ReadConditions":     "If-Unmodified-Since counts beside If-Match",
	"WrongSecret":        "signatures are not checked",
	"UnknownAccessKey":   "signatures are not checked",
	"Anonymous":          "the error has no code",
	"ChecksumAsSent":     "no checksum type",
	"ChecksumByDefault":  "no checksum unless one was sent",
	"WrongChecksums":     "wrong checksums are taken",
	"Keys":               "a newline in a key is refused",
	"KeyTooLong":         "keys of any length",
	"ListEncoded":        "a newline in a key is refused",
	"CopyConditions":     "conditions on a copy's source are not looked at",
	"CopyIfNoneMatch":    "conditions on a copy's source are not looked at",
	"DeleteManyQuiet":    "Quiet is ignored",
	"TaggingErrors":      "duplicate and empty names are taken",
	"MultipartChecksum":  "no checksum of the whole, wrong ones are taken",
	"MultipartComposite": "no checksum of the whole",
	"MultipartErrors":    "a part named twice is taken",
	"PartErrors":         "another code for a number out of range, 500 for an unknown upload",
	"MultipartLists":     "uploads are in no order",
	"Abort":              "500 for an upload that is over",
	"PartCopy":           "conditions are not looked at, ranges beyond the end are taken",
	"PartCopyChecksum":   "no checksum",
	"Buckets":            "any name is taken",
	"Versions":           "404 for a delete marker by its version ID",
	"Archived":           "RestoreObject leaves the object as it was",
}

// TestS3Conformance holds the sandbox, in memory and in a folder, to the same
// suite as independent servers, so that it cannot drift from what S3 does.
func TestS3Conformance(t *testing.T) {
	for _, s := range []struct {
		name    string
		start   func(*testing.T) server
		differs map[string]string
	}{
		{"sandbox", func(t *testing.T) server { s, _ := startSandbox(t, sandbox.Options{}); return s }, nil},
		{"sandbox in a folder", func(t *testing.T) server {
			s, _ := startSandbox(t, sandbox.Options{Dir: t.TempDir()})
			return s
		}, nil},
		{"versitygw", func(t *testing.T) server { return startVersitygw(t) }, versitygwDiffers},
		{"moto", func(t *testing.T) server { return server{startMoto(t), "test", "testtest"} }, motoDiffers},
	} {
		t.Run(s.name, func(t *testing.T) {
			srv := s.start(t)
			client := srv.client()
			for i, c := range s3Cases {
				t.Run(c.name, func(t *testing.T) {
					if why, ok := s.differs[c.name]; ok {
						t.Skipf("%s is known to differ from S3: %s", s.name, why)
					}
					bucket := fmt.Sprintf("conformance-%d", i)
					if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
						t.Fatal(err)
					}
					c.run(t, target{srv, client, bucket})
				})
			}
		})
	}
}

func str(s string) *string { return &s }

// put stores an object.
func (g target) put(t *testing.T, key, body string, change ...func(*s3.PutObjectInput)) *s3.PutObjectOutput {
	t.Helper()
	in := &s3.PutObjectInput{Bucket: &g.bucket, Key: &key, Body: strings.NewReader(body)}
	for _, c := range change {
		c(in)
	}
	out, err := g.client.PutObject(t.Context(), in)
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return out
}

// get reads an object with its body.
func (g target) get(ctx context.Context, key string, change ...func(*s3.GetObjectInput)) (*s3.GetObjectOutput, string, error) {
	in := &s3.GetObjectInput{Bucket: &g.bucket, Key: &key}
	for _, c := range change {
		c(in)
	}
	out, err := g.client.GetObject(ctx, in)
	if err != nil {
		return nil, "", err
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	return out, string(b), err
}

// wantBody reads an object that must hold body.
func (g target) wantBody(t *testing.T, key, body string) {
	t.Helper()
	_, got, err := g.get(t.Context(), key)
	if err != nil || got != body {
		t.Errorf("get %q: %.40q, %v; want %.40q", key, got, err, body)
	}
}

// wantError checks an error's code and status. An empty code stands for an
// answer without a body.
func wantError(t *testing.T, err error, status int, codes ...string) {
	t.Helper()
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) {
		t.Errorf("error %v, want status %d", err, status)
		return
	}
	if answer.HTTPStatusCode() != status {
		t.Errorf("status %d, want %d: %v", answer.HTTPStatusCode(), status, err)
	}
	var api smithy.APIError
	if len(codes) > 0 && (!errors.As(err, &api) || !slices.Contains(codes, api.ErrorCode())) {
		t.Errorf("error %v, want code %s", err, codes)
	}
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}
