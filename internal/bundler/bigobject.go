package bundler

import (
	"cmp"
	"context"
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
	to := w.opt.Archive.BigObject(o.Bucket, o)
	meta := layout.BigObjectMetadata(to)
	if w.copiedBefore(ctx, meta, to, attr) {
		return attr, nil
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
	_, err = w.st.Put(ctx, meta, row.Append(nil), store.PutOptions{Metadata: []object.Pair{{Name: layout.SourceETag, Value: attr.ETag}}})
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

// copiedBefore reports whether an earlier run has copied this very object.
func (w *bundle) copiedBefore(ctx context.Context, meta, to object.Location, attr object.Attributes) bool {
	m, err := w.st.Head(ctx, object.At(meta))
	if err != nil || valueOf(m.Metadata, layout.SourceETag) != attr.ETag {
		return false
	}
	there, err := w.st.Head(ctx, object.At(to))
	return err == nil && there.Size == attr.Size
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
