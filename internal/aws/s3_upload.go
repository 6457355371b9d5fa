package aws

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/crc64nvme"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// uploadsAtOnce is how many parts of one Upload are in memory besides the one
// that is read.
const uploadsAtOnce = 2

// Upload stores what body yields by the SDK's upload manager: one PutObject for
// up to 16 MiB, parts of 16 MiB above. S3's limit of 10,000 parts bounds it to
// 156 GiB.
func (s *S3) Upload(ctx context.Context, l object.Location, content io.Reader, opt store.PutOptions) (store.Stored, error) {
	u := &uploader{S3: s, content: &summed{ctx: ctx, r: content, sum: crc64nvme.New()}, opt: opt}
	in := &s3.PutObjectInput{
		Bucket: &l.Bucket, Key: &l.Key, Body: u.content,
		Tagging: tagging(opt.Tags), StorageClass: types.StorageClass(opt.StorageClass),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, RequestPayer: s.payer,
	}
	//lint:ignore SA1019 Its successor has no stable version yet; only this file knows either.
	out, err := manager.NewUploader(u, func(m *manager.Uploader) {
		m.PartSize = s.uploadPart
		m.Concurrency = uploadsAtOnce
	}).Upload(ctx, in)
	c := write("Upload", "PutObject", l)
	if err != nil {
		var f *fault.Error
		switch {
		case u.content.err != nil:
			// The failure of who makes the content, as he put it.
			err = u.content.err
		case ctx.Err() == nil && errors.As(err, &f):
			err = exists(f, opt)
		default:
			err = fail(ctx, c, err)
		}
		if u.aborted != nil {
			err = fmt.Errorf("%w; %w", err, u.aborted)
		}
		return store.Stored{}, err
	}
	return stored(c, u.content.n, object.CRC64NVME(u.content.sum.Sum64()).Value, out.ETag, out.VersionID, out.ChecksumCRC64NVME)
}

// uploader is the client that the upload manager uses. It knows what the
// manager does not: to abort an upload whose context has ended, the checksum
// of the whole, and this package's errors.
type uploader struct {
	*S3
	content *summed
	opt     store.PutOptions
	aborted error // what aborting came to
}

func (u *uploader) PutObject(ctx context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	var err error
	if in.ChecksumCRC64NVME, err = sumOf(in.Body); err != nil {
		return nil, err
	}
	in.IfNoneMatch, in.IfMatch = conditions(u.opt)
	c := write("PutObject", "", object.Location{Bucket: *in.Bucket, Key: *in.Key})
	out, err := invoke(ctx, u.S3, c, *in.Bucket, u.client.PutObject, in, unsigned, with(u.opt))
	if err != nil {
		return nil, err
	}
	return out, noETag(c, out.ETag)
}

func (u *uploader) CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput, _ ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	in.ChecksumAlgorithm, in.ChecksumType = types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject
	return u.create(ctx, in, with(u.opt))
}

func (u *uploader) UploadPart(ctx context.Context, in *s3.UploadPartInput, _ ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	var err error
	if in.ChecksumCRC64NVME, err = sumOf(in.Body); err != nil {
		return nil, err
	}
	c := write("UploadPart", "PutObject", object.Location{Bucket: *in.Bucket, Key: *in.Key})
	out, err := invoke(ctx, u.S3, c, *in.Bucket, u.client.UploadPart, in, unsigned)
	if err != nil {
		return nil, err
	}
	return out, noETag(c, out.ETag)
}

func (u *uploader) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, _ ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	parts := make([]store.Part, len(in.MultipartUpload.Parts))
	for i, p := range in.MultipartUpload.Parts {
		parts[i] = store.Part{
			Number: int(awssdk.ToInt32(p.PartNumber)), ETag: awssdk.ToString(p.ETag),
			Checksum: object.Checksum{Algorithm: crcName, Value: awssdk.ToString(p.ChecksumCRC64NVME)},
		}
	}
	l := object.Location{Bucket: *in.Bucket, Key: *in.Key}
	sum := object.CRC64NVME(u.content.sum.Sum64())
	st, err := u.complete(ctx, l, *in.UploadId, parts, sum, u.opt)
	if err != nil {
		return nil, err
	}
	return &s3.CompleteMultipartUploadOutput{ETag: str(st.ETag), VersionId: str(st.VersionID), ChecksumCRC64NVME: str(st.Checksum.Value)}, nil
}

func (u *uploader) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput, _ ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error) {
	u.aborted = u.AbortUpload(ctx, object.Location{Bucket: *in.Bucket, Key: *in.Key}, *in.UploadId)
	return &s3.AbortMultipartUploadOutput{}, u.aborted
}

// sumOf gives the checksum of a part in memory, and rewinds it.
func sumOf(r io.Reader) (*string, error) {
	part, ok := r.(io.ReadSeeker)
	if !ok {
		return nil, errors.New("part cannot be read twice")
	}
	h := crc64nvme.New()
	if _, err := io.Copy(h, part); err != nil {
		return nil, err
	}
	if _, err := part.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	sum := object.CRC64NVME(h.Sum64()).Value
	return &sum, nil
}

// summed counts and sums what is read until ctx ends. Its fields belong to the
// reader's goroutine until the upload manager has seen the end.
type summed struct {
	ctx context.Context // of the call
	r   io.Reader
	sum hash.Hash64
	n   int64
	err error // of r, other than io.EOF
}

func (s *summed) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	n, err := s.r.Read(p)
	s.sum.Write(p[:n])
	s.n += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
