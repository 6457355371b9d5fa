package aws

import (
	"context"
	"io"
	"net/http"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// openSDK is open by way of the SDK's client: what the other path is measured
// and tested against, and the one for buckets that are not signed for with
// Signature Version 4.
func (s *S3) openSDK(ctx context.Context, o object.Object, r store.Range) (io.ReadCloser, object.Attributes, error) {
	in := &s3.GetObjectInput{
		Bucket: &o.Bucket, Key: &o.Key, VersionId: str(o.VersionID), Range: str(rangeHeader(r)),
		RequestPayer: s.payer,
	}
	if o.ETag != "" {
		in.IfMatch = str(`"` + o.ETag + `"`)
	}
	b := s.buckets.get(o.Bucket)
	for again := true; ; again = false {
		asked := b.regionOr(s.options.Region)
		out, err := s.client.GetObject(ctx, in, func(op *s3.Options) {
			op.Retryer = awssdk.NopRetryer{}
			// Asking for the checksum by the input's field would make the SDK
			// check it, which is the caller's part.
			op.APIOptions = append(op.APIOptions, smithyhttp.SetHeaderValue("X-Amz-Checksum-Mode", "ENABLED"))
			op.Region = asked
		})
		if err != nil {
			if a, _ := answerOf(err); again && b.learn(a, asked) {
				continue
			}
			return nil, object.Attributes{}, err
		}
		res := rawResponse(out.ResultMetadata)
		res.Body = out.Body
		return accept(ctx, res, o, r)
	}
}

// rawResponse gives the HTTP answer behind an output of the SDK. Its body has
// been read or belongs to the output.
func rawResponse(m middleware.Metadata) *http.Response {
	if res, ok := awsmiddleware.GetRawResponse(m).(*smithyhttp.Response); ok && res.Response != nil {
		return res.Response
	}
	return &http.Response{Header: http.Header{}}
}
