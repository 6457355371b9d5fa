package aws

import (
	"context"
	"iter"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// List yields the objects whose keys start with prefix, 1,000 to a request.
// Keys come encoded (encoding-type=url), for XML cannot hold all of them. An
// answer that is no list, or not all of one, is an error.
func (s *S3) List(ctx context.Context, prefix object.Location) iter.Seq2[object.Object, error] {
	return func(yield func(object.Object, error) bool) {
		c := call{service: "s3", op: "ListObjectsV2", action: "ListBucket", where: prefix.String(), kind: fault.Download}
		in := &s3.ListObjectsV2Input{
			Bucket: &prefix.Bucket, Prefix: str(prefix.Key), EncodingType: types.EncodingTypeUrl, RequestPayer: s.payer,
		}
		var pages circle
		for {
			out, err := invoke(ctx, s, c, prefix.Bucket, s.client.ListObjectsV2, in, reread)
			if err != nil {
				yield(object.Object{}, err)
				return
			}
			if out.Name == nil && out.IsTruncated == nil {
				yield(object.Object{}, notList(c, out, "the answer is no list"))
				return
			}
			encoded := out.EncodingType == types.EncodingTypeUrl
			for i := range out.Contents {
				if !yield(listed(prefix.Bucket, &out.Contents[i], encoded), nil) {
					return
				}
			}
			token := awssdk.ToString(out.NextContinuationToken)
			switch {
			case !awssdk.ToBool(out.IsTruncated):
				return
			case token == "":
				yield(object.Object{}, notList(c, out, "more is to follow, and it does not say where"))
				return
			case pages.closes(token):
				yield(object.Object{}, notList(c, out, "the list goes round in a circle"))
				return
			}
			in.ContinuationToken = &token
		}
	}
}

// notList is the error of a list that S3 does not give. The SDK's client takes
// any text without a syntax error for a list, and an empty one too; every S3
// says in a list whose it is, and nearly every one whether it is complete.
func notList(c call, out *s3.ListObjectsV2Output, why string) error {
	requestID, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	f := c.stranger(why)
	f.RequestID = requestID
	return f
}

// circle finds out, keeping one token, that a list comes back to a page it had:
// the token is compared with one that is taken anew after 1, 2, 4, 8 … pages
// (Brent's algorithm), so that a circle of any length is noticed in the end.
type circle struct {
	kept  string
	pages int
}

// closes takes the token of the next page and reports whether it is that of a
// page before.
func (c *circle) closes(token string) bool {
	if token == c.kept {
		return true
	}
	if c.pages++; c.pages&(c.pages-1) == 0 {
		c.kept = token
	}
	return false
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
