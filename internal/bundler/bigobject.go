package bundler

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/layout"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// copiesAtOnce bounds the copies under way in one bundle; S3 does the work.
const copiesAtOnce = 4

// copies are the big objects of a bundle.
type copies struct {
	todo chan object.Object
	done <-chan struct{} // closed when the bundle has ended early

	mu           sync.Mutex
	count, bytes int64 // copied
	failed       []uncopied
}

// uncopied is a big object that could not be copied, for a reason.
type uncopied struct {
	object   object.Object
	modified time.Time
	err      error
}

// start begins to copy what add is told, with workers in g. An error that is
// no dead letter cancels the bundle.
func (c *copies) start(ctx context.Context, w *bundle, g *errgroup.Group, cancel context.CancelCauseFunc) {
	c.todo = make(chan object.Object, 1024)
	c.done = ctx.Done()
	for range copiesAtOnce {
		g.Go(func() error {
			for o := range c.todo {
				if ctx.Err() != nil {
					continue // add must not wait
				}
				attr, err := w.copyBig(ctx, o)
				if err != nil && fault.ReasonOf(err) == "" {
					err = fault.As(fault.Upload, err)
					cancel(err)
					return err
				}
				c.mu.Lock()
				if err == nil {
					c.count++
					c.bytes += attr.Size
					w.Progress.Rows.Add(1)
				} else {
					c.failed = append(c.failed, uncopied{o, attr.LastModified, err})
				}
				c.mu.Unlock()
			}
			return nil
		})
	}
}

// add hands over one big object. It may be called from any goroutine, until
// close.
func (c *copies) add(o object.Object) {
	select {
	case c.todo <- o:
	case <-c.done:
	}
}

// close says that no more big objects come.
func (c *copies) close() { close(c.todo) }

// copyBig copies an object and stores its index line beside it.
func (w *bundle) copyBig(ctx context.Context, o object.Object) (object.Attributes, error) {
	o.ETag = ""
	attr, tags, err := w.describe(ctx, o)
	if err != nil {
		return attr, err
	}
	to, done, err := w.copyPlace(ctx, o, attr)
	if err != nil || done {
		return attr, err
	}
	src := o
	src.ETag = attr.ETag
	stored, err := w.st.Copy(ctx, src, attr, tags, to, store.PutOptions{})
	if err != nil {
		return attr, err
	}
	crc := ""
	if stored.Checksum.Algorithm == "CRC64NVME" {
		crc = stored.Checksum.Value
	}
	row := index.NewRow(o, attr, tags, "", crc)
	_, err = w.st.Put(ctx, layout.BigObjectMetadata(to), row.Append(nil), store.PutOptions{Metadata: []object.Pair{{Name: layout.SourceETag, Value: attr.ETag}}})
	if err != nil {
		return attr, fault.As(fault.Upload, err)
	}
	w.Progress.Bytes.Add(attr.Size)
	return attr, nil
}

// describe asks for an object's attributes and tags. It reads one byte,
// because a HEAD tells neither the number of tags everywhere nor why it is
// refused.
func (w *bundle) describe(ctx context.Context, o object.Object) (object.Attributes, []object.Tag, error) {
	attr, err := fetch.Peek(ctx, w.st, o, w.fetch)
	if err != nil || attr.TagCount == 0 {
		return attr, nil, err
	}
	tags, err := w.st.Tags(ctx, o)
	return attr, tags, err
}

// copyPlace finds where the copy of an object goes, and whether an earlier run
// has put it there. The copy of another content of this key, which may be the
// last there is of it, is never replaced.
func (w *bundle) copyPlace(ctx context.Context, o object.Object, attr object.Attributes) (to object.Location, done bool, err error) {
	to = w.opt.Archive.BigObject(o.Bucket, o)
	meta, err := w.headCopy(ctx, layout.BigObjectMetadata(to))
	if err == nil && meta.ETag != "" && valueOf(meta.Metadata, layout.SourceETag) != attr.ETag {
		to = w.opt.Archive.OtherBigObject(o.Bucket, o, attr.ETag)
		meta, err = w.headCopy(ctx, layout.BigObjectMetadata(to))
	}
	if err != nil || meta.ETag == "" {
		return to, false, err
	}
	there, err := w.headCopy(ctx, to)
	return to, there.ETag != "" && there.Size == attr.Size, err
}

// headCopy is head. Of its errors that of a key too long alone is about the
// object: any other would be another object's, too.
func (w *bundle) headCopy(ctx context.Context, l object.Location) (object.Attributes, error) {
	if len(l.Key) > object.MaxKey {
		return object.Attributes{}, &fault.Error{Reason: fault.BadRow, Op: "copy to", Where: l.String(),
			Err: errors.New("the key is longer than 1,024 bytes"), Hint: "shorten the prefix"}
	}
	a, err := w.head(ctx, l)
	if fault.ReasonOf(err) != "" {
		err = fault.New(fault.KindOf(err), "look for an earlier copy", "", errors.New(err.Error()), "")
	}
	return a, err
}

// addCopies counts the copies once all have ended; dead letters among them go
// behind those of the members.
func (w *bundle) addCopies() error {
	w.result.Copied, w.result.CopiedBytes = w.copies.count, w.copies.bytes
	slices.SortFunc(w.copies.failed, func(a, b uncopied) int { return cmp.Compare(a.object.EncodedKey, b.object.EncodedKey) })
	for _, c := range w.copies.failed {
		if err := w.deadLetter(c.object, object.Attributes{LastModified: c.modified}, c.err); err != nil {
			return err
		}
	}
	return nil
}
