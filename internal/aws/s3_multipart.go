package aws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// How long S3 is still spoken to when the work's context has ended: to learn
// the ID of an upload that was just being created, and to abort it.
const (
	createGrace = 5 * time.Second
	abortGrace  = 30 * time.Second
	// noTimeGrace is what is left of each after store.ErrNoTime.
	noTimeGrace = 1500 * time.Millisecond
)

// CreateUpload starts a multipart upload with full-object CRC64NVME checksums.
// If ctx ends meanwhile, the upload does not stay open.
func (s *S3) CreateUpload(ctx context.Context, l object.Location, opt store.PutOptions) (string, error) {
	in := &s3.CreateMultipartUploadInput{
		Bucket: &l.Bucket, Key: &l.Key, Tagging: tagging(opt.Tags), StorageClass: types.StorageClass(opt.StorageClass),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, ChecksumType: types.ChecksumTypeFullObject,
		RequestPayer: s.payer,
	}
	out, err := s.create(ctx, in, with(opt))
	if err != nil {
		return "", err
	}
	return awssdk.ToString(out.UploadId), nil
}

// create sends a CreateMultipartUpload whose answer it does not miss for the
// end of ctx.
func (s *S3) create(ctx context.Context, in *s3.CreateMultipartUploadInput, opts ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	l := object.Location{Bucket: *in.Bucket, Key: *in.Key}
	late, cancel := grace(ctx, createGrace)
	defer cancel()
	c := write("CreateMultipartUpload", "PutObject", l)
	out, err := invoke(late, s, c, l.Bucket, s.client.CreateMultipartUpload, in, opts...)
	if err == nil && awssdk.ToString(out.UploadId) == "" {
		err = c.stranger("the answer has no UploadId")
	}
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		if err := s.AbortUpload(ctx, l, awssdk.ToString(out.UploadId)); err != nil {
			return nil, fmt.Errorf("%w; %w", context.Cause(ctx), err)
		}
		return nil, context.Cause(ctx)
	}
	return out, nil
}

// UploadPart stores part n, whose CRC64NVME must be sum. The body is never
// copied whole. The first attempt does without the SDK's client, which has a
// body pass through buffers of net/http.
func (s *S3) UploadPart(ctx context.Context, l object.Location, uploadID string, n int, body []byte, sum object.Checksum) (store.Part, error) {
	c := write("UploadPart", "PutObject", l)
	query := "partNumber=" + strconv.Itoa(n) + "&uploadId=" + url.QueryEscape(uploadID)
	h, err := s.putOwn(ctx, put{to: l, query: query, body: body, sum: sum.Value})
	if err == nil {
		return uploaded(c, n, sum, h.Get("Etag"), str(h.Get("X-Amz-Checksum-Crc64nvme")))
	}
	if err != errOther {
		return store.Part{}, fail(ctx, c, err)
	}
	in := &s3.UploadPartInput{
		Bucket: &l.Bucket, Key: &l.Key, UploadId: &uploadID, PartNumber: awssdk.Int32(int32(n)),
		Body: bytes.NewReader(body), ContentLength: awssdk.Int64(int64(len(body))),
		ChecksumCRC64NVME: str(sum.Value), RequestPayer: s.payer,
	}
	out, err := invoke(ctx, s, c, l.Bucket, s.client.UploadPart, in, unsigned)
	if err != nil {
		return store.Part{}, err
	}
	return uploaded(c, n, sum, awssdk.ToString(out.ETag), out.ChecksumCRC64NVME)
}

// uploaded makes the answer of UploadPart, and checks it.
func uploaded(c call, n int, sum object.Checksum, etag string, crc *string) (store.Part, error) {
	if _, err := stored(c, 0, sum.Value, &etag, nil, crc); err != nil {
		return store.Part{}, err
	}
	return store.Part{Number: n, ETag: etag, Checksum: sum}, nil
}

// CompleteUpload makes the object of parts. S3 compares sum, if it is set, with
// what it has; so does this side with S3's answer.
func (s *S3) CompleteUpload(ctx context.Context, l object.Location, uploadID string, parts []store.Part, sum object.Checksum, opt store.PutOptions) (store.Stored, error) {
	return s.complete(ctx, l, uploadID, parts, sum, opt)
}

func (s *S3) complete(ctx context.Context, l object.Location, uploadID string, parts []store.Part, sum object.Checksum, opt store.PutOptions) (store.Stored, error) {
	c := write("CompleteMultipartUpload", "PutObject", l)
	in := &s3.CompleteMultipartUploadInput{
		Bucket: &l.Bucket, Key: &l.Key, UploadId: &uploadID, RequestPayer: s.payer,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: make([]types.CompletedPart, len(parts))},
	}
	in.IfNoneMatch, in.IfMatch = conditions(opt)
	if sum.Algorithm == crcName {
		in.ChecksumCRC64NVME, in.ChecksumType = str(sum.Value), types.ChecksumTypeFullObject
	}
	for i, p := range parts {
		done := types.CompletedPart{PartNumber: awssdk.Int32(int32(p.Number)), ETag: str(p.ETag)}
		if p.Checksum.Algorithm == crcName {
			done.ChecksumCRC64NVME = str(p.Checksum.Value)
		}
		in.MultipartUpload.Parts[i] = done
	}
	out, err := invoke(ctx, s, c, l.Bucket, s.client.CompleteMultipartUpload, in)
	if err != nil {
		return s.completedBefore(ctx, l, sum, exists(err, opt))
	}
	if sum.Algorithm != crcName {
		sum.Value = awssdk.ToString(out.ChecksumCRC64NVME)
	}
	return stored(c, 0, sum.Value, out.ETag, out.VersionId, out.ChecksumCRC64NVME)
}

// completedBefore looks, where a retried CompleteMultipartUpload finds no
// upload, whether an attempt whose answer was lost has completed it.
func (s *S3) completedBefore(ctx context.Context, l object.Location, sum object.Checksum, err error) (store.Stored, error) {
	if codeOf(err) != "NoSuchUpload" || sum.Value == "" {
		return store.Stored{}, err
	}
	a, headErr := s.Head(ctx, object.At(l))
	if headErr != nil || a.Checksum != sum {
		return store.Stored{}, err
	}
	return store.Stored{ETag: a.ETag, VersionID: a.VersionID, Size: a.Size, Checksum: a.Checksum}, nil
}

// AbortUpload ends the upload and frees its parts, also when ctx has ended: it
// takes 30 s at most, and little after store.ErrNoTime.
// That there is no such upload is no error.
func (s *S3) AbortUpload(ctx context.Context, l object.Location, uploadID string) error {
	late, cancel := grace(ctx, abortGrace)
	defer cancel()
	late, expire := context.WithTimeout(late, abortGrace)
	defer expire()
	c := write("AbortMultipartUpload", "", l)
	in := &s3.AbortMultipartUploadInput{Bucket: &l.Bucket, Key: &l.Key, UploadId: &uploadID, RequestPayer: s.payer}
	_, err := invoke(late, s, c, l.Bucket, s.client.AbortMultipartUpload, in)
	if codeOf(err) == "NoSuchUpload" {
		return nil
	}
	if late.Err() != nil {
		err = fault.New(c.kind, c.op, c.where, errors.New("S3 does not answer"), "")
	}
	var f *fault.Error
	if errors.As(err, &f) {
		f.Hint = strings.TrimPrefix(f.Hint+"; the upload's parts cost storage until it is aborted", "; ")
	}
	return err
}
