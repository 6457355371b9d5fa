package aws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/minio/crc64nvme"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// crcName is S3's name for the checksum that all uploads carry.
const crcName = "CRC64NVME"

// Put stores body with one PutObject, which S3 checks by its CRC64NVME. The
// first attempt at a small one does without the SDK's client, as Open does.
func (s *S3) Put(ctx context.Context, l object.Location, body []byte, opt store.PutOptions) (store.Stored, error) {
	c := write("PutObject", "", l)
	sum := object.CRC64NVME(crc64nvme.Checksum(body)).Value
	if len(body) <= ownPut {
		h, err := s.putOwn(ctx, put{to: l, body: body, sum: sum, opt: opt})
		if err == nil {
			etag, version, crc := h.Get("Etag"), h.Get("X-Amz-Version-Id"), h.Get("X-Amz-Checksum-Crc64nvme")
			return stored(c, int64(len(body)), sum, &etag, &version, str(crc))
		}
		if err != errOther {
			return store.Stored{}, exists(fail(ctx, c, err), opt)
		}
	}
	in := &s3.PutObjectInput{
		Bucket: &l.Bucket, Key: &l.Key, Body: bytes.NewReader(body), ContentLength: awssdk.Int64(int64(len(body))),
		ChecksumCRC64NVME: &sum, Tagging: tagging(opt.Tags), StorageClass: types.StorageClass(opt.StorageClass),
		RequestPayer: s.payer,
	}
	in.IfNoneMatch, in.IfMatch = conditions(opt)
	out, err := invoke(ctx, s, c, l.Bucket, s.client.PutObject, in, unsigned, with(opt))
	if err != nil {
		return store.Stored{}, exists(err, opt)
	}
	return stored(c, int64(len(body)), sum, out.ETag, out.VersionId, out.ChecksumCRC64NVME)
}

// noETag is the error of an answer that says that something was stored, and has
// no ETag.
func noETag(c call, etag *string) error {
	if strings.Trim(awssdk.ToString(etag), `"`) != "" {
		return nil
	}
	return c.stranger("the answer has no ETag")
}

// stored makes the answer of an upload, and checks it.
func stored(c call, size int64, sum string, etag, version, crc *string) (store.Stored, error) {
	if err := noETag(c, etag); err != nil {
		return store.Stored{}, err
	}
	if crc != nil && !isSum(*crc, crc64nvme.Size) {
		crc = nil
	}
	if crc != nil && *crc != sum {
		return store.Stored{}, fault.New(fault.Upload, c.op, c.where,
			fmt.Errorf("stored with CRC64NVME %s, sent with %s", *crc, sum), "run it again")
	}
	st := store.Stored{ETag: strings.Trim(awssdk.ToString(etag), `"`), VersionID: awssdk.ToString(version), Size: size}
	if crc != nil {
		st.Checksum = object.Checksum{Algorithm: crcName, Value: *crc}
	}
	return st, nil
}

// exists turns a failed condition of an upload into what it means.
func exists(err error, opt store.PutOptions) error {
	var f *fault.Error
	if !opt.IfAbsent && opt.IfMatch == "" || !errors.As(err, &f) {
		return err
	}
	switch codeOf(err) {
	case "PreconditionFailed", "NoSuchKey": // the latter where If-Match finds nothing
		f.Err, f.Hint = store.ErrExists, ""
	}
	return err
}

// conditions are the headers If-None-Match and If-Match.
func conditions(opt store.PutOptions) (ifNoneMatch, ifMatch *string) {
	if opt.IfAbsent {
		ifNoneMatch = str("*")
	}
	return ifNoneMatch, quoted(opt.IfMatch)
}

// unsigned leaves the body out of the signature: its checksum, which is a
// signed header, covers it at a hundredth of the cost of SHA-256.
func unsigned(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}

// with sends metadata and headers as they are. The SDK's own fields drop empty
// metadata and take Expires only as a time. Of the requests of a multipart
// upload only the first gets them.
func with(opt store.PutOptions) func(*s3.Options) {
	return func(o *s3.Options) {
		if len(opt.Metadata)+len(opt.Headers) == 0 {
			return
		}
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Build.Add(middleware.BuildMiddlewareFunc("ObjectHeaders",
				func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
					req, ok := in.Request.(*smithyhttp.Request)
					switch middleware.GetOperationName(ctx) {
					case "PutObject", "CopyObject", "CreateMultipartUpload":
						for _, p := range opt.Headers {
							if ok {
								req.Header.Set(p.Name, p.Value)
							}
						}
						for _, p := range opt.Metadata {
							if ok {
								req.Header.Set("X-Amz-Meta-"+p.Name, p.Value)
							}
						}
					}
					return next.HandleBuild(ctx, in)
				}), middleware.After)
		})
	}
}

// tagging writes tags as the x-amz-tagging header wants them.
func tagging(tags []object.Tag) *string {
	var pairs []string
	for _, t := range tags {
		pairs = append(pairs, url.QueryEscape(t.Key)+"="+url.QueryEscape(t.Value))
	}
	return str(strings.Join(pairs, "&"))
}
