// Package upload stores a stream of unknown length as one S3 object while it
// grows, and can take back its tail until then.
//
// It sends the parts itself, where feature/s3/manager would read a stream to
// its end: a part that has been sent may be sent again under the same number
// ("Uploading and copying objects using multipart upload", S3 User Guide), so
// a member that breaks midway can leave the archive again.
package upload

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

const (
	// MinPartSize is what S3 takes for any part but the last.
	MinPartSize = 5 << 20
	maxPartSize = 5 << 30
	maxParts    = 10_000
	// growEvery parts the part size doubles, so that 10,000 parts hold any
	// archive: 112 GiB before a part is larger than eight times the first of
	// 16 MiB.
	growEvery = 1000
)

// Store is what an upload needs of S3.
type Store interface {
	store.Multiparter
	Put(ctx context.Context, l object.Location, body []byte, opt store.PutOptions) (store.Stored, error)
}

// Options are how a stream is stored.
type Options struct {
	// PartSize is that of the first parts in bytes; at least MinPartSize.
	PartSize int
	// Parallel is how many parts may be on their way while the next is
	// filled. Memory is PartSize times Parallel plus one, and one more after
	// Mark.
	Parallel int
	// Put is what the object is stored with.
	Put store.PutOptions
}

// Writer stores what is written to it. It belongs to one goroutine at a time.
// Exactly one of Close and Abort must be called at last; both wait for the
// goroutines of the Writer.
type Writer struct {
	ctx context.Context
	st  Store
	loc object.Location
	opt Options

	id   string  // of the multipart upload; empty until the first part is full
	buf  *buffer // the part being filled
	size int64

	free   chan *buffer // of the first part size
	flight sync.WaitGroup
	slots  chan struct{}
	mark   *mark
	sums   []sum // of the parts

	mu    sync.Mutex
	parts []store.Part // elements are guarded by mu while flight is not empty
	err   error        // first error of a part; guarded by mu
}

// mark is a point to go back to.
type mark struct {
	parts int // sent before it
	size  int64
	// part is the part it lies in, once that is sent; its first bytes, before
	// the mark, are needed to make it anew.
	part   *buffer
	before int
}

// New returns a Writer that will store an object at l. Nothing is sent before
// the first part is full.
func New(ctx context.Context, st Store, l object.Location, opt Options) *Writer {
	opt.PartSize = max(opt.PartSize, MinPartSize)
	opt.Parallel = max(opt.Parallel, 1)
	return &Writer{
		ctx: ctx, st: st, loc: l, opt: opt,
		free:  make(chan *buffer, opt.Parallel+2),
		slots: make(chan struct{}, opt.Parallel),
	}
}

// Size is the number of bytes written so far.
func (w *Writer) Size() int64 { return w.size }

// partSize is that of part number n, from 1.
func (w *Writer) partSize(n int) int {
	return min(w.opt.PartSize<<((n-1)/growEvery), maxPartSize)
}

// Write adds p to the object.
func (w *Writer) Write(p []byte) (int, error) { return w.write(p, (*buffer).add) }

// WriteSummed is Write for bytes whose CRC-64/NVME is known to be crc, which
// saves summing them again.
func (w *Writer) WriteSummed(p []byte, crc uint64) (int, error) {
	return w.write(p, func(b *buffer, q []byte) {
		if len(q) == len(p) {
			b.addSummed(q, crc)
		} else { // a part ends among them
			b.add(q)
		}
	})
}

// write adds p to the object; add adds to a part what there is room for.
func (w *Writer) write(p []byte, add func(*buffer, []byte)) (int, error) {
	n := len(p)
	for len(p) > 0 {
		full := w.partSize(len(w.parts) + 1)
		if w.buf == nil {
			w.buf = w.buffer(full)
		}
		if len(w.buf.b) == full {
			if err := w.send(); err != nil {
				return n - len(p), err
			}
			continue
		}
		k := min(full-len(w.buf.b), len(p))
		add(w.buf, p[:k])
		w.size += int64(k)
		p = p[k:]
	}
	return n, nil
}

// send gives the filled part to a goroutine, as soon as one may start.
func (w *Writer) send() error {
	if len(w.parts) == maxParts {
		return fmt.Errorf("%s is larger than %d parts hold: make smaller manifests (s3grouper --size-threshold)", w.loc, maxParts)
	}
	if err := w.failure(); err != nil {
		return err
	}
	if w.id == "" {
		id, err := w.st.CreateUpload(w.ctx, w.loc, w.opt.Put)
		if err != nil {
			return err
		}
		w.id = id
	}
	if m := w.mark; m != nil && m.parts == len(w.parts) && m.part == nil {
		m.part, m.before = w.buf, int(m.size-w.sizeBefore())
		w.buf.users.Add(1)
	}
	select {
	case w.slots <- struct{}{}:
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
	part := w.buf
	w.buf = nil
	w.mu.Lock()
	w.parts = append(w.parts, store.Part{})
	w.sums = append(w.sums, part.sum())
	n := len(w.parts)
	w.mu.Unlock()
	w.flight.Go(func() {
		sent, err := w.st.UploadPart(w.ctx, w.loc, w.id, n, part.b, object.CRC64NVME(part.crc))
		w.mu.Lock()
		if err != nil && w.err == nil {
			w.err = err
		}
		if err == nil {
			w.parts[n-1] = sent
		}
		w.mu.Unlock()
		w.release(part)
		<-w.slots
	})
	return nil
}

// sizeBefore is the number of bytes in the parts that have been sent.
func (w *Writer) sizeBefore() int64 { return w.size - int64(len(w.content())) }

func (w *Writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Mark remembers this point for Rollback. An earlier mark is dropped.
func (w *Writer) Mark() {
	w.Unmark()
	w.mark = &mark{parts: len(w.parts), size: w.size}
}

// Unmark drops the mark: what was written since stays.
func (w *Writer) Unmark() {
	if m := w.mark; m != nil && m.part != nil {
		w.release(m.part)
	}
	w.mark = nil
}

// Rollback takes back all that was written since Mark. Parts that were sent
// since are sent again or dropped.
func (w *Writer) Rollback() {
	m := w.mark
	if m == nil {
		panic("upload: Rollback without Mark")
	}
	if m.parts == len(w.parts) { // the part is still here
		if w.buf != nil {
			w.buf.cut(int(m.size - w.sizeBefore()))
		}
	} else {
		// A part on its way must not arrive after its successor.
		w.flight.Wait()
		w.mu.Lock()
		w.parts = w.parts[:m.parts]
		w.mu.Unlock()
		w.sums = w.sums[:m.parts]
		if w.buf != nil {
			w.release(w.buf)
		}
		w.buf = w.buffer(w.partSize(m.parts + 1))
		w.buf.add(m.part.b[:m.before])
	}
	w.size = m.size
	w.Unmark()
}

// Close sends what is left and completes the object. S3 checks it against the
// CRC64NVME of all that was written; Stored carries S3's answer. After an
// error no multipart upload stays open.
func (w *Writer) Close() (store.Stored, error) {
	if w.id == "" {
		stored, err := w.st.Put(w.ctx, w.loc, w.content(), w.opt.Put)
		return w.checked(stored, err)
	}
	if len(w.content()) > 0 {
		if err := w.send(); err != nil {
			return store.Stored{}, errors.Join(err, w.Abort())
		}
	}
	w.flight.Wait()
	if err := w.failure(); err != nil {
		return store.Stored{}, errors.Join(err, w.Abort())
	}
	stored, err := w.st.CompleteUpload(w.ctx, w.loc, w.id, w.parts, w.checksum(), w.opt.Put)
	if err != nil {
		return store.Stored{}, errors.Join(err, w.Abort())
	}
	return w.checked(stored, nil)
}

// checked compares S3's checksum, where it gives one, with that of the bytes
// written.
func (w *Writer) checked(stored store.Stored, err error) (store.Stored, error) {
	if err != nil {
		return stored, err
	}
	stored.Size = w.size
	want := w.checksum()
	if stored.Checksum.Algorithm == want.Algorithm && stored.Checksum.Value != want.Value {
		return stored, fmt.Errorf("%s was stored with checksum %s, want %s: what S3 holds is not what was sent; run again",
			w.loc, stored.Checksum.Value, want.Value)
	}
	stored.Checksum = want
	return stored, nil
}

// checksum is that of all that was written, when no part is on its way.
func (w *Writer) checksum() object.Checksum {
	if w.id == "" {
		if w.buf == nil {
			return object.CRC64NVME(0)
		}
		return object.CRC64NVME(w.buf.crc)
	}
	var whole uint64
	for _, part := range w.sums {
		whole = object.JoinCRC64NVME(whole, part.crc, part.size)
	}
	return object.CRC64NVME(whole)
}

// Abort gives the object up: nothing is stored and no part is kept, also when
// the context of the Writer has ended.
func (w *Writer) Abort() error {
	w.flight.Wait()
	if w.id == "" {
		return nil
	}
	id := w.id
	w.id = ""
	return w.st.AbortUpload(w.ctx, w.loc, id)
}
