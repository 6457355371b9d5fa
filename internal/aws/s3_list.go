package aws

import (
	"context"
	"iter"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// List yields the objects whose keys start with prefix, 1,000 to a request.
// Keys come encoded (encoding-type=url), for XML cannot hold all of them.
func (s *S3) List(ctx context.Context, prefix object.Location) iter.Seq2[object.Object, error] {
	return func(yield func(object.Object, error) bool) {
		c := call{service: "s3", op: "ListObjectsV2", action: "ListBucket", where: prefix.String(), kind: fault.Download}
		in := &s3.ListObjectsV2Input{
			Bucket: &prefix.Bucket, Prefix: str(prefix.Key), EncodingType: types.EncodingTypeUrl, RequestPayer: s.payer,
		}
		for {
			out, err := invoke(ctx, s, c, prefix.Bucket, s.client.ListObjectsV2, in, reread)
			if err != nil {
				yield(object.Object{}, err)
				return
			}
			encoded := out.EncodingType == types.EncodingTypeUrl
			for i := range out.Contents {
				if !yield(listed(prefix.Bucket, &out.Contents[i], encoded), nil) {
					return
				}
			}
			if !awssdk.ToBool(out.IsTruncated) || out.NextContinuationToken == nil {
				return
			}
			in.ContinuationToken = out.NextContinuationToken
		}
	}
}

func listed(bucket string, e *types.Object, encoded bool) object.Object {
	key := awssdk.ToString(e.Key)
	if encoded {
		key = object.DecodeKey(key)
	}
	o := object.Object{
		Bucket: bucket, Key: key, EncodedKey: object.EncodeKey(key),
		Size: awssdk.ToInt64(e.Size), ETag: strings.Trim(awssdk.ToString(e.ETag), `"`),
		StorageClass: string(e.StorageClass),
	}
	if e.LastModified != nil {
		o.LastModified = e.LastModified.UTC()
	}
	return o
}
