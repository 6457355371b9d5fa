package bundler

import (
	"context"
	"errors"
	"iter"

	"s3bundler/internal/archive"
	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
)

// rereads is how often an object of several chunks is read again when its
// content is not what its checksum says.
const rereads = 2

// withoutBig sends the big objects of rows to be copied and yields the rest.
// It runs in a goroutine of fetch.
func (w *bundle) withoutBig(rows iter.Seq2[object.Object, error]) iter.Seq2[object.Object, error] {
	return func(yield func(object.Object, error) bool) {
		sized := w.opt.Fields.Has(manifest.Size)
		for o, err := range rows {
			w.Progress.RowsRead.Add(1)
			if err == nil && !sized {
				o.Size = -1
			}
			if err == nil && o.Size > int64(w.opt.MaxSize) {
				w.copies.add(o)
				continue
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

// members writes the objects into the archive, in order.
func (w *bundle) members(ctx context.Context, objs iter.Seq2[object.Object, error]) error {
	for it, err := range fetch.Ordered(ctx, w.st, objs, w.fetch) {
		switch {
		case err != nil:
			err = w.badRow(err)
		case it.Err != nil:
			err = w.deadLetter(it.Object, it.Attr, it.Err)
		case it.Attr.Size > int64(w.opt.MaxSize): // it has grown since it was listed
			w.copies.add(it.Object)
		default:
			err = w.member(it)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// member adds one object to the archive, or takes it back and makes it a dead
// letter.
func (w *bundle) member(it *fetch.Item) error {
	name := archive.MemberName(it.Object.Bucket, it.Object.Key)
	if content, ok := it.Whole(); ok {
		if err := w.tar.Begin(name, it.Attr.Size, it.Attr.LastModified); err != nil {
			return err
		}
		if _, err := w.tar.Write(content); err != nil {
			return err
		}
		return w.commit(it)
	}
	for attempt := 0; ; attempt++ {
		if err := w.tar.Mark(); err != nil {
			return err
		}
		w.up.Mark()
		if err := w.tar.Begin(name, it.Attr.Size, it.Attr.LastModified); err != nil {
			return err
		}
		_, err := it.WriteTo(w.tar)
		if err == nil {
			w.up.Unmark()
			return w.commit(it)
		}
		reason := fault.ReasonOf(err)
		if errors.Is(err, fetch.ErrWrite) || reason == "" {
			return err
		}
		w.tar.Rollback()
		w.up.Rollback()
		if reason != fault.ChecksumMismatch || attempt == rereads {
			return w.deadLetter(it.Object, it.Attr, err)
		}
	}
}

// commit ends a member and keeps its index row until its place is known.
func (w *bundle) commit(it *fetch.Item) error {
	w.pending = append(w.pending, index.NewRow(it.Object, it.Attr, it.Tags, it.MD5(), it.CRC64NVME()))
	if err := w.tar.Commit(); err != nil {
		return err
	}
	w.result.Objects++
	w.result.Bytes += it.Attr.Size
	w.Progress.Rows.Add(1)
	w.Progress.Bytes.Add(it.Attr.Size)
	return w.failed
}

// placed is told the place of the oldest pending member.
func (w *bundle) placed(p archive.Place) {
	row := &w.pending[0]
	row.Place = &p
	if err := w.index.add(row); err != nil && w.failed == nil {
		w.failed = fault.As(fault.Upload, err)
	}
	*row = index.Row{}
	if w.pending = w.pending[1:]; len(w.pending) == 0 {
		w.pending = w.pending[:0:0]
	}
}

// badRow makes a dead letter of a manifest row that cannot be read; any other
// error of the list ends the bundle.
func (w *bundle) badRow(err error) error {
	var bad *manifest.RowError
	if !errors.As(err, &bad) {
		return w.manifestFault(err)
	}
	w.log.Error("skipped a row of "+w.manifest.String(), "err", err)
	return w.letter(index.DeadLetter{Bucket: bad.Bucket, Key: bad.Key, Size: bad.Size, Reason: fault.BadRow, VersionID: bad.VersionID})
}

// deadLetter leaves an object out, if err has a reason; otherwise err ends the
// bundle.
func (w *bundle) deadLetter(o object.Object, attr object.Attributes, err error) error {
	reason := fault.ReasonOf(err)
	if reason == "" {
		return fault.As(fault.Download, err)
	}
	// The metric filter looks for these words.
	where := o.Location().String()
	switch reason {
	case fault.NoSuchKey:
		w.gone.add(o.Bucket, o.EncodedKey)
		w.log.Error("skipped " + where + ": deleted since it was listed")
	case fault.Glacier:
		w.log.Error("skipped " + where + ": glaciered, restore it first")
	default:
		w.log.Error("skipped "+where, "reason", string(reason), "err", err)
	}
	d := index.DeadLetter{Bucket: o.Bucket, Key: o.EncodedKey, LastModified: attr.LastModified, Reason: reason, VersionID: o.VersionID}
	if d.LastModified.IsZero() {
		d.LastModified = o.LastModified
	}
	if o.Size >= 0 {
		d.Size = index.FormatSize(o.Size)
	}
	return w.letter(d)
}

func (w *bundle) letter(d index.DeadLetter) error {
	d.Versioned = w.opt.Fields.Has(manifest.VersionID)
	w.result.DeadLetters[d.Reason]++
	w.Progress.Rows.Add(1)
	w.Progress.Skipped.Add(1)
	return fault.As(fault.Upload, w.letters.add(&d))
}
