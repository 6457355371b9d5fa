package retrieve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/object"
)

// object makes the task that decides upon one source object, deletes it and
// logs that.
func (p *purger) object(s Source, ok *safe, log *purgeLog) func(context.Context, verified) iter.Seq2[Purged, error] {
	return func(ctx context.Context, o verified) iter.Seq2[Purged, error] {
		return func(yield func(Purged, error) bool) {
			src := object.Object{
				Bucket: o.row.Bucket, Key: object.DecodeKey(o.row.Key), EncodedKey: o.row.Key, Size: o.row.Size,
				LastModified: o.row.LastModified, VersionID: o.row.VersionID,
			}
			out := Purged{Source: s, Object: src}
			var err error
			if ok.isOwn(src.Location()) {
				out.Outcome, out.Detail = Own, "it belongs to an archive"
			} else {
				out.Outcome, out.Detail, err = p.purge(ctx, &o, &out.Object)
			}
			if err != nil {
				if out.Outcome, _ = refused(err); out.Outcome == "" || context.Cause(ctx) != nil {
					yield(Purged{}, err)
					return
				}
				out.Detail = err.Error()
			}
			if err := log.add(ctx, &out); err != nil {
				yield(Purged{}, err)
				return
			}
			yield(out, nil)
		}
	}
}

// purge decides upon one object, and deletes it. src is told what exactly was
// compared: its ETag and version.
func (p *purger) purge(ctx context.Context, o *verified, src *object.Object) (Outcome, string, error) {
	attr, current, err := p.find(ctx, o, *src)
	if err != nil {
		return "", "", err
	}
	if !current && !p.opt.Noncurrent {
		return Changed, "another version is the current one; --noncurrent deletes the archived one", nil
	}
	src.ETag, src.VersionID = attr.ETag, attr.VersionID
	same, detail := o.proof(attr)
	if same == unknown && p.opt.Reread {
		if same, detail, err = p.compareBytes(ctx, o, *src); err != nil {
			return "", "", err
		}
	}
	switch same {
	case no:
		return Changed, detail, nil
	case unknown:
		return Unproven, detail + "; --reread reads it to compare", nil
	}
	target := *src
	if target.VersionID != "" && target.VersionID != nullVersion {
		target.ETag = ""
	} else {
		target.VersionID = ""
		if !current {
			return Unconditional, "a noncurrent version with the ID null cannot be deleted under a condition", nil
		}
	}
	if !p.opt.Delete {
		return Deletable, "", nil
	}
	if target.VersionID == "" {
		if why := p.unconditional(); why != "" {
			return Unconditional, why, nil
		}
	}
	err = p.opt.Limiter.Do(ctx, func(ctx context.Context) error { return p.st.Delete(ctx, target) })
	return Deleted, "", err
}

// find asks S3 for the object: the current version of it, and where that is
// another than was archived, the archived one.
func (p *purger) find(ctx context.Context, o *verified, src object.Object) (attr object.Attributes, current bool, err error) {
	head := func(o object.Object) (attr object.Attributes, err error) {
		err = p.opt.Limiter.Do(ctx, func(ctx context.Context) (err error) {
			attr, err = p.st.Head(ctx, o)
			return err
		})
		return attr, err
	}
	version := src.VersionID
	src.VersionID = ""
	attr, err = head(src)
	if version == "" || err == nil && attr.VersionID == version || err != nil && fault.ReasonOf(err) != fault.NoSuchKey {
		return attr, true, err
	}
	src.VersionID = version
	older, err := head(src)
	return older, false, err
}

// compareBytes reads the source object and compares it with what was archived.
func (p *purger) compareBytes(ctx context.Context, o *verified, src object.Object) (answer, string, error) {
	body, attr, err := fetch.Stream(ctx, p.st, src)
	if err != nil {
		return unknown, "", err
	}
	defer body.Close()
	if attr.ETag != src.ETag {
		return no, "it was replaced while it was compared", nil
	}
	crc, buf := uint64(0), make([]byte, 128<<10)
	for n := int64(0); ; {
		k, err := body.Read(buf)
		n += int64(k)
		crc = crc64nvme.Update(crc, buf[:k])
		switch {
		case errors.Is(err, io.EOF) && n == o.row.Size && crc == o.crc:
			return yes, "", nil
		case errors.Is(err, io.EOF):
			return no, fmt.Sprintf("its CRC64NVME is %s, that of what was archived %s", object.CRC64NVME(crc).Value, object.CRC64NVME(o.crc).Value), nil
		case err != nil:
			return unknown, "", err
		}
	}
}
