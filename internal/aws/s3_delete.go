package aws

import (
	"context"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// Delete removes o, or the version that o.VersionID names, if its ETag is
// o.ETag (when set). That it is already gone is no error; that it is another
// one has reason Changed.
func (s *S3) Delete(ctx context.Context, o object.Object) error {
	if err := checkRead(o, store.Range{}); err != nil {
		return err
	}
	c := call{service: "s3", op: "DeleteObject", where: o.Location().String(), kind: fault.API, object: true}
	if o.VersionID != "" {
		c.action = "DeleteObjectVersion"
	}
	in := &s3.DeleteObjectInput{
		Bucket: &o.Bucket, Key: &o.Key, VersionId: str(o.VersionID), IfMatch: quoted(o.ETag), RequestPayer: s.payer,
	}
	_, err := invoke(ctx, s, c, o.Bucket, s.client.DeleteObject, in)
	if fault.ReasonOf(err) == fault.NoSuchKey {
		return nil
	}
	return err
}

// RequestRestore asks S3 to make a readable copy of an archived object for a
// number of days. tier is Standard, Bulk or Expedited. That a restore is under
// way already is no error. See "Restoring an archived object" in the S3 User
// Guide.
func (s *S3) RequestRestore(ctx context.Context, o object.Object, tier string, days int) error {
	if err := checkRead(o, store.Range{}); err != nil {
		return err
	}
	c := call{service: "s3", op: "RestoreObject", where: o.Location().String(), kind: fault.API, object: true}
	in := &s3.RestoreObjectInput{
		Bucket: &o.Bucket, Key: &o.Key, VersionId: str(o.VersionID), RequestPayer: s.payer,
		RestoreRequest: &types.RestoreRequest{
			Days:                 awssdk.Int32(int32(days)),
			GlacierJobParameters: &types.GlacierJobParameters{Tier: types.Tier(tier)},
		},
	}
	_, err := invoke(ctx, s, c, o.Bucket, s.client.RestoreObject, in)
	if codeOf(err) == "RestoreAlreadyInProgress" {
		return nil
	}
	return err
}
