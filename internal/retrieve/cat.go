package retrieve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// CatOptions are how one object is read.
type CatOptions struct {
	// Bucket and VersionID choose where several objects have the key.
	Bucket, VersionID string
	// Range is the part to read; its zero value is all, which alone can be
	// checked.
	Range store.Range
	// NoCheck takes content that is not what the index's checksum says.
	NoCheck bool
	// AnyETag takes an archive that is not the one its index was written for.
	AnyETag bool
	// Thaw is for an archive that must be restored first; Log is told of it.
	Thaw Thaw
	Log  *slog.Logger
}

// Cat writes the content of the object with this key to w as it arrives, and
// checks it at the end: an error says that what was written is not it. The
// copy of a big object needs no key.
func Cat(ctx context.Context, st Store, source Source, key string, w io.Writer, opt CatOptions) error {
	row, indexed, err := locate(ctx, st, source, key, opt)
	if err != nil {
		return err
	}
	if opt.Range.Offset > row.Size || opt.Range.Offset == row.Size && opt.Range != (store.Range{}) {
		return fault.New(fault.Usage, "read", nameOf(&row), store.ErrRange, fmt.Sprintf("it has %d bytes", row.Size))
	}
	a, err := opt.Thaw.findThawed(ctx, st, source, indexed, opt.AnyETag, opt.Log)
	if err != nil {
		return err
	}
	part := opt.Range
	part.Length = min(part.Length, row.Size-part.Offset)
	body, err := a.content(ctx, st, &row, part)
	if err != nil {
		return err
	}
	defer body.Close()
	sum := newChecker(&row)
	if _, err := io.Copy(output{w}, io.TeeReader(body, sum)); err != nil {
		var local *writeError
		if errors.As(err, &local) {
			return fault.New(fault.Write, "write", nameOf(&row), local.error, "")
		}
		return err
	}
	if opt.Range != (store.Range{}) || opt.NoCheck {
		return nil
	}
	return sum.check(a.Object.Location())
}

// writeError tells a failed write from a failed read.
type writeError struct{ error }

type output struct{ io.Writer }

func (o output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil {
		err = &writeError{err}
	}
	return n, err
}

// locate finds the row of the one object that is meant, and the attributes of
// its index.
func locate(ctx context.Context, st Store, source Source, key string, opt CatOptions) (row index.Row, indexed object.Attributes, err error) {
	l, err := source.Open(ctx, st)
	if err != nil {
		return row, indexed, err
	}
	defer l.Close()
	f := Filter{Bucket: opt.Bucket, VersionID: opt.VersionID}
	if key != "" || !source.Copy {
		f.Keys = []object.Pattern{object.LiteralPattern(key)}
	}
	found := false
	var bad error // of a line that may have been the row
	for r, err := range l.Rows() {
		switch {
		case errors.Is(err, index.ErrRow):
			bad = cmp.Or(bad, err)
			continue
		case err != nil && found:
			return row, indexed, &fault.Error{Kind: fault.KindOf(err), Reason: fault.ReasonOf(err), Op: "look for other objects with the key", Where: nameOf(&row), Err: err,
				Hint: "give --source-bucket " + row.Bucket + " to read this one all the same"}
		case err != nil:
			return row, indexed, err
		case !f.Match(&r, object.DecodeKey(r.Key)):
			continue
		case found && (r.Bucket != row.Bucket || r.VersionID != row.VersionID || r.CRC64NVME != row.CRC64NVME || r.Checksum != row.Checksum):
			return row, indexed, fault.New(fault.Usage, "read", nameOf(&r)+" from "+source.Where().String(),
				errors.New("several objects have this key"), "choose one with --source-bucket or --version-id; s3bundler list --json shows them")
		}
		row, found = r, true
		if opt.Bucket != "" && (r.VersionID == "" || opt.VersionID != "") {
			break // there can be no other
		}
	}
	if found {
		return row, l.Attr, nil
	}
	if bad != nil {
		return row, indexed, fault.New(fault.Read, fmt.Sprintf("find %q", key), "in "+source.Where().String(), bad, "it has no other row with this key")
	}
	return row, indexed, &fault.Error{Kind: fault.Download, Reason: fault.NoSuchKey, Op: fmt.Sprintf("find %q", key), Where: "in " + source.Where().String(),
		Err: errors.New("it holds no such object"), Hint: "give the key as S3 knows it, without encoding; s3bundler list shows all"}
}

// One is the one source at l, which is no prefix.
func One(ctx context.Context, st Store, l object.Location) (Source, error) {
	if isPrefix(l) {
		return Source{}, fault.New(fault.Usage, "read", l.String(), nil, "name one index, archive or copy; s3bundler find tells which holds a key")
	}
	return single(ctx, st, l)
}
