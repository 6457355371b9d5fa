package retrieve

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// compare makes the task that passes findings on and compares an object with
// its source.
func (v *verifier) compare(s Source) func(context.Context, event) iter.Seq2[Finding, error] {
	return func(ctx context.Context, e event) iter.Seq2[Finding, error] {
		return func(yield func(Finding, error) bool) {
			if e.finding != nil {
				yield(*e.finding, nil)
				return
			}
			kind, detail, err := v.compareSource(ctx, e.object)
			switch {
			case err != nil:
				yield(Finding{}, err)
			case kind != "":
				yield(about(kind, s.Where(), &e.object.row, -1, detail), nil)
			default:
				v.opt.Progress.Sources.Add(1)
			}
		}
	}
}

// compareSource asks whether the object is still what was archived: the very
// version, where the source is versioned. The error is the end of ctx.
func (v *verifier) compareSource(ctx context.Context, o *verified) (kind FindingKind, detail string, err error) {
	src := object.Object{Bucket: o.row.Bucket, Key: object.DecodeKey(o.row.Key), VersionID: o.row.VersionID}
	var attr object.Attributes
	err = v.opt.Limiter.Do(ctx, func(ctx context.Context) (err error) {
		attr, err = v.st.Head(ctx, src)
		return err
	})
	switch {
	case context.Cause(ctx) != nil:
		return "", "", context.Cause(ctx)
	case fault.ReasonOf(err) == fault.NoSuchKey:
		return SourceGone, "it is not there any more", nil
	case err != nil:
		return SourceUnknown, err.Error(), nil
	}
	switch same, detail := o.sameContent(attr); {
	case same == yes:
		return "", "", nil
	case same == no:
		return SourceChanged, detail, nil
	case attr.LastModified.Equal(o.row.LastModified):
		return "", "", nil // as much as can be known by asking
	default:
		return SourceChanged, fmt.Sprintf("it was written at %s, what was archived at %s", attr.LastModified, o.row.LastModified), nil
	}
}

// answer is to a question that S3 may know too little to answer.
type answer int

const (
	unknown answer = iota
	yes
	no
)

// sameContent tells whether the object that S3 describes has the content that
// was archived, by what S3 says about its bytes alone: an ETag, or a checksum.
// detail says why not, or what is missing.
func (o *verified) sameContent(attr object.Attributes) (same answer, detail string) {
	crc := object.CRC64NVME(o.crc)
	switch {
	case attr.Size != o.row.Size:
		return no, fmt.Sprintf("it has %d bytes, %d were archived", attr.Size, o.row.Size)
	case o.etag != "" && attr.ETag == o.etag:
		return yes, ""
	case attr.Checksum == crc:
		return yes, ""
	case attr.Checksum.Algorithm == crc.Algorithm:
		return no, fmt.Sprintf("its CRC64NVME is %s, that of what was archived %s", attr.Checksum.Value, crc.Value)
	case o.row.VersionID != "" && o.row.VersionID != nullVersion && attr.VersionID == o.row.VersionID:
		return yes, "" // versions do not change
	case attr.Multipart() && !strings.Contains(o.etag, "-"):
		return unknown, "it was uploaded in parts, and S3 has no checksum of the whole"
	default:
		return no, fmt.Sprintf("its ETag is %s, that of what was archived %s", attr.ETag, o.etag)
	}
}

// nullVersion is the version ID of what was stored while the bucket was not
// versioned. Unlike all others, it may be of another object tomorrow.
const nullVersion = "null"
