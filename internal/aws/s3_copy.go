package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// S3's limits on multipart uploads, see "Amazon S3 multipart upload limits" in
// the S3 User Guide.
const maxParts = 10_000

// copiesAtOnce is how many parts of one copy S3 is asked to copy at a time.
// The bytes do not pass through here.
const copiesAtOnce = 16

const websiteRedirect = "X-Amz-Website-Redirect-Location"

// Copy copies src to dst inside S3. Metadata and headers in opt stand beside
// and over those of src; tags in opt stand in place of src's.
func (s *S3) Copy(ctx context.Context, src object.Object, attr object.Attributes, tags []object.Tag, dst object.Location, opt store.PutOptions) (store.Stored, error) {
	if err := checkRead(src, store.Range{}); err != nil {
		return store.Stored{}, err
	}
	if src.ETag == "" {
		src.ETag = attr.ETag
	}
	var st store.Stored
	var err error
	if attr.Size > s.copyLimit {
		st, err = s.copyParts(ctx, src, attr, tags, dst, opt)
	} else {
		st, err = s.copyWhole(ctx, src, attr, tags, dst, opt)
	}
	if err != nil {
		return store.Stored{}, s.whoseFault(ctx, src, opt, err)
	}
	return st, nil
}

// copyCall describes a copy, in which the source's side is the one object.
func copyCall(op string, src object.Object, dst object.Location) call {
	return call{
		service: "s3", op: op, action: "GetObject on the source and s3:PutObject",
		where: src.Location().String() + " to " + dst.String(), kind: fault.Upload, object: true,
	}
}

func (s *S3) copyWhole(ctx context.Context, src object.Object, attr object.Attributes, tags []object.Tag, dst object.Location, opt store.PutOptions) (store.Stored, error) {
	in := &s3.CopyObjectInput{
		Bucket: &dst.Bucket, Key: &dst.Key, CopySource: copySource(src), CopySourceIfMatch: quoted(src.ETag),
		StorageClass: types.StorageClass(opt.StorageClass), RequestPayer: s.payer,
		MetadataDirective: types.MetadataDirectiveCopy, TaggingDirective: types.TaggingDirectiveCopy,
	}
	in.IfNoneMatch, in.IfMatch = conditions(opt)
	// S3 copies neither the redirect nor the checksum's algorithm of itself.
	sent := store.PutOptions{}
	for _, h := range attr.Headers {
		if h.Name == websiteRedirect {
			sent.Headers = append(sent.Headers, h)
		}
	}
	if len(opt.Metadata)+len(opt.Headers) > 0 {
		in.MetadataDirective = types.MetadataDirectiveReplace
		sent = over(attr, opt)
	}
	if opt.Tags != nil {
		in.TaggingDirective, in.Tagging = types.TaggingDirectiveReplace, tagging(opt.Tags)
	} else if len(tags) == 0 && attr.TagCount == 0 {
		// Copying no tags would need the permission to read them.
		in.TaggingDirective = types.TaggingDirectiveReplace
	}
	c := copyCall("CopyObject", src, dst)
	out, err := invoke(ctx, s, c, dst.Bucket, s.client.CopyObject, in, with(sent))
	if err != nil {
		return store.Stored{}, err
	}
	// S3 answers 200 before it has copied: only the result says that it has.
	r := cmp.Or(out.CopyObjectResult, &types.CopyObjectResult{})
	if err := noETag(c, r.ETag); err != nil {
		return store.Stored{}, err
	}
	st := store.Stored{ETag: strings.Trim(*r.ETag, `"`), VersionID: awssdk.ToString(out.VersionId), Size: attr.Size}
	if r.ChecksumCRC64NVME != nil {
		st.Checksum = object.Checksum{Algorithm: crcName, Value: *r.ChecksumCRC64NVME}
	}
	return st, nil
}

// copyParts copies an object above CopyObject's limit, in parts.
func (s *S3) copyParts(ctx context.Context, src object.Object, attr object.Attributes, tags []object.Tag, dst object.Location, opt store.PutOptions) (st store.Stored, err error) {
	sent := over(attr, opt)
	sent.Tags = tags
	if opt.Tags != nil {
		sent.Tags = opt.Tags
	}
	// No checksum algorithm is named: S3 then takes CRC64NVME, and servers that
	// cannot sum a part they copy take none.
	out, err := s.create(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &dst.Bucket, Key: &dst.Key, Tagging: tagging(sent.Tags),
		StorageClass: types.StorageClass(opt.StorageClass), RequestPayer: s.payer,
	}, with(sent))
	if err != nil {
		return store.Stored{}, err
	}
	id := awssdk.ToString(out.UploadId)
	defer func() {
		if err != nil {
			// The copy's own failure is what a person must see.
			if abortErr := s.AbortUpload(ctx, dst, id); abortErr != nil {
				err = fmt.Errorf("%w; %w", err, abortErr)
			}
		}
	}()
	size := max(s.copyPart, (attr.Size+maxParts-1)/maxParts)
	parts := make([]store.Part, (attr.Size+size-1)/size)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(copiesAtOnce)
	for i := range parts {
		g.Go(func() error {
			from := int64(i) * size
			to := min(from+size, attr.Size) - 1
			in := &s3.UploadPartCopyInput{
				Bucket: &dst.Bucket, Key: &dst.Key, UploadId: &id, PartNumber: awssdk.Int32(int32(i + 1)),
				CopySource: copySource(src), CopySourceIfMatch: quoted(src.ETag),
				CopySourceRange: str(fmt.Sprintf("bytes=%d-%d", from, to)), RequestPayer: s.payer,
			}
			c := copyCall("UploadPartCopy", src, dst)
			out, err := invoke(gctx, s, c, dst.Bucket, s.client.UploadPartCopy, in)
			if err != nil {
				return err
			}
			r := cmp.Or(out.CopyPartResult, &types.CopyPartResult{})
			parts[i] = store.Part{Number: i + 1, ETag: awssdk.ToString(r.ETag)}
			return noETag(c, r.ETag)
		})
	}
	if err := g.Wait(); err != nil {
		if ctx.Err() != nil {
			return store.Stored{}, context.Cause(ctx)
		}
		return store.Stored{}, err
	}
	if st, err = s.complete(ctx, dst, id, parts, object.Checksum{}, opt); err != nil {
		return store.Stored{}, err
	}
	st.Size = attr.Size
	if sum := attr.Checksum; sum.Algorithm == crcName && st.Checksum.Algorithm == crcName && sum != st.Checksum {
		_ = s.Delete(ctx, object.Object{Bucket: dst.Bucket, Key: dst.Key, ETag: st.ETag, VersionID: st.VersionID})
		return store.Stored{}, fault.New(fault.Upload, "UploadPartCopy", src.Location().String()+" to "+dst.String(),
			fmt.Errorf("copied with CRC64NVME %s, the source has %s", st.Checksum.Value, sum.Value), "run it again")
	}
	return st, nil
}

// copySource names the source as x-amz-copy-source wants it.
func copySource(o object.Object) *string {
	b := append(appendPath(nil, o.Bucket), '/')
	b = appendPath(b, o.Key)
	if o.VersionID != "" {
		b = append(append(b, "?versionId="...), url.QueryEscape(o.VersionID)...)
	}
	return str(string(b))
}

// over lays the metadata and headers of opt over those of attr.
func over(attr object.Attributes, opt store.PutOptions) store.PutOptions {
	return store.PutOptions{Metadata: overlay(attr.Metadata, opt.Metadata), Headers: overlay(attr.Headers, opt.Headers)}
}

func overlay(under, top []object.Pair) []object.Pair {
	all := slices.Clone(top)
	for _, p := range under {
		if !slices.ContainsFunc(top, func(t object.Pair) bool { return strings.EqualFold(t.Name, p.Name) }) {
			all = append(all, p)
		}
	}
	return all
}

// whoseFault settles what the failure of a copy is about: the source, which is
// one object to leave out, or the destination. S3 answers with the same codes
// for both; reading a byte of the source tells.
func (s *S3) whoseFault(ctx context.Context, src object.Object, opt store.PutOptions, err error) error {
	var f *fault.Error
	if codeOf(err) == "KeyTooLongError" && errors.As(err, &f) && len(src.Key) <= object.MaxKey {
		f.Reason, f.Hint = fault.BadRow, "the destination's key is longer than 1,024 bytes: shorten the prefix"
		return err
	}
	switch fault.ReasonOf(err) {
	case fault.AccessDenied, fault.NoSuchKey, fault.Changed:
	default:
		return err
	}
	body, _, readErr := s.Open(ctx, src, store.Range{Length: 1})
	if readErr == nil {
		body.Close()
	}
	if fault.ReasonOf(readErr) != "" || !errors.As(err, &f) {
		return err
	}
	if f.Reason == fault.AccessDenied {
		f.Hint = "allow s3:PutObject on the destination in the caller's IAM policy and in the bucket's own policy"
	}
	f.Reason = ""
	return exists(err, opt)
}
