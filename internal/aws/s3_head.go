package aws

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// Head asks for the attributes of o.
func (s *S3) Head(ctx context.Context, o object.Object) (object.Attributes, error) {
	if err := checkRead(o, store.Range{}); err != nil {
		return object.Attributes{}, err
	}
	c := read("HeadObject", "GetObject", o.Location())
	if o.VersionID != "" {
		c.action = "GetObjectVersion"
	}
	in := &s3.HeadObjectInput{
		Bucket: &o.Bucket, Key: &o.Key, VersionId: str(o.VersionID), IfMatch: quoted(o.ETag),
		ChecksumMode: types.ChecksumModeEnabled, RequestPayer: s.payer,
	}
	out, err := invoke(ctx, s, c, o.Bucket, s.client.HeadObject, in)
	if err != nil {
		return object.Attributes{}, s.why(ctx, o, err)
	}
	a := attributes(rawResponse(out.ResultMetadata).Header, awssdk.ToInt64(out.ContentLength))
	if err := notS3("HeadObject", o, a); err != nil {
		return object.Attributes{}, err
	}
	return a, nil
}

// why asks for one byte of o where HEAD was refused without a word: the answer
// to a GET has an error code, which tells a missing bucket from a missing key
// and wrong credentials from a missing permission. The 404 of a key in a bucket
// that has answered before says enough.
func (s *S3) why(ctx context.Context, o object.Object, head error) error {
	var a *apiError
	if !errors.As(head, &a) || a.code != "" || a.status == http.StatusPreconditionFailed ||
		a.status == http.StatusNotFound && s.buckets.get(o.Bucket).exists.Load() {
		return head
	}
	// By the SDK, for its retries.
	out, err := invoke(ctx, s, read("GetObject", "", o.Location()), o.Bucket, s.client.GetObject, &s3.GetObjectInput{
		Bucket: &o.Bucket, Key: &o.Key, VersionId: str(o.VersionID), Range: str(rangeHeader(store.Range{Length: 1})), RequestPayer: s.payer,
	})
	if err != nil && !errors.Is(err, store.ErrRange) {
		return err
	}
	if err == nil {
		out.Body.Close()
	}
	return head
}

// Tags gets the tags of o, sorted by key.
func (s *S3) Tags(ctx context.Context, o object.Object) ([]object.Tag, error) {
	if err := checkRead(o, store.Range{}); err != nil {
		return nil, err
	}
	c := read("GetObjectTagging", "", o.Location())
	if o.VersionID != "" {
		c.action = "GetObjectVersionTagging"
	}
	in := &s3.GetObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: str(o.VersionID), RequestPayer: s.payer}
	out, err := invoke(ctx, s, c, o.Bucket, s.client.GetObjectTagging, in, reread)
	if err != nil {
		return nil, err
	}
	if out.TagSet == nil { // S3 has one also where there are no tags
		return nil, c.stranger("the answer has no tag set")
	}
	tags := make([]object.Tag, len(out.TagSet))
	for i, t := range out.TagSet {
		tags[i] = object.Tag{Key: awssdk.ToString(t.Key), Value: awssdk.ToString(t.Value)}
	}
	slices.SortFunc(tags, func(a, b object.Tag) int { return strings.Compare(a.Key, b.Key) })
	return tags, nil
}

// quoted makes the condition for an ETag that is kept without its quotes.
func quoted(etag string) *string {
	if etag == "" {
		return nil
	}
	q := `"` + etag + `"`
	return &q
}
