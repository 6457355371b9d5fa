package fetch

import (
	"context"
	"errors"
	"hash"
	"io"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// mismatchAttempts is how often an object whose content is not what S3's
// checksum says is read before it counts as a mismatch.
const mismatchAttempts = 3

// cached is how many bytes are summed and then written, while they are still
// in the processor's cache.
const cached = 64 << 10

// Item is one object, as S3 answered. It is valid until the iteration goes on.
type Item struct {
	// Object is what was asked for.
	Object object.Object
	// Attr is S3's answer.
	Attr object.Attributes
	// Tags are set if the answer said that there are any.
	Tags []object.Tag
	// Err is why the object cannot be had; then Object alone is set, and of
	// Attr what is known.
	Err error

	s        *source
	ctx      context.Context
	answered chan struct{} // closed once Attr, Tags and Err are known
	first    *piece
	large    *large // nil if one piece is expected to hold the object
	consumed bool   // its pieces are used up: read again from S3
	sum      digest
	checked  bool
}

// large is what an object of several pieces has besides.
type large struct {
	cancel context.CancelCauseFunc
	more   chan *piece // all but the first; closed by the dispatcher
	// pinned is closed once size, etag or err are known.
	pinned chan struct{}
	size   int64
	etag   string
	err    error
	// md5 is that of the pieces that are summed; nil if none is needed. It
	// passes from each piece's reader to the next's, then to the consumer.
	md5 hash.Hash
}

// piece is a run of an object's bytes with its own request.
type piece struct {
	reserved int64  // bytes of memory
	buf      []byte // from when its request begins
	n        int    // bytes read
	err      error
	done     chan struct{} // closed when it is read; an object's only piece has answered
	summed   chan struct{} // closed when large.md5 has it; nil for an object's only piece
}

// buffer gives the memory that was reserved for p. What waits for its turn has
// none yet.
func (w *worker) buffer(p *piece) []byte {
	if p.buf == nil {
		p.buf = w.budget.buffers.get(int(p.reserved))
	}
	return p.buf
}

// Whole returns all of the object's content, checked, if it is in memory.
// The bytes are the item's and end with it.
func (it *Item) Whole() (content []byte, ok bool) {
	if !it.checked {
		return nil, false
	}
	return it.first.buf[:it.first.n], true
}

// MD5 is that of the content in hex, once all of it was read; empty if the
// ETag serves.
func (it *Item) MD5() string { return it.sum.md5sum() }

// CRC64NVME is that of the content, once all of it was read.
func (it *Item) CRC64NVME() string { return object.CRC64NVME(it.sum.crc64).Value }

// ErrWrite wraps an error of the writer that WriteTo wrote to.
var ErrWrite = errors.New("write")

// WriteTo writes the content of an object that is not in memory as it
// arrives, and checks it at the end. If w has a method WriteSummed, as an
// upload.Writer does, it is told the CRC-64/NVME of what it is given. After an
// error with a reason it may be called again: the object is then read anew,
// from its start, with the same ETag.
func (it *Item) WriteTo(w io.Writer) (n int64, err error) {
	it.sum = newDigest(&it.Attr)
	summed, _ := w.(interface {
		WriteSummed(p []byte, crc uint64) (int, error)
	})
	emit := func(p []byte) error {
		for len(p) > 0 {
			step := p[:min(len(p), cached)]
			crc := crc64nvme.Checksum(step)
			it.sum.addSummed(step, crc)
			var k int
			var err error
			if summed != nil {
				k, err = summed.WriteSummed(step, crc)
			} else {
				k, err = w.Write(step)
			}
			n += int64(k)
			if err != nil {
				return errors.Join(ErrWrite, err)
			}
			p = p[len(step):]
		}
		return nil
	}
	if !it.consumed {
		it.consumed = true
		if err := it.pieces(emit); err != nil {
			return n, err
		}
	}
	if err := it.tail(n, emit); err != nil {
		return n, err
	}
	return n, it.sum.check(it.Object.Location().String())
}

// pieces hands over what was fetched ahead.
func (it *Item) pieces(emit func([]byte) error) error {
	take := func(p *piece) error {
		<-p.done
		defer it.release(p)
		if p.err != nil || p.n == 0 {
			return p.err
		}
		return emit(p.buf[:p.n])
	}
	first := it.first
	it.first = nil
	if it.large == nil {
		return take(first)
	}
	it.sum.md5 = nil // who reads the pieces makes it
	if err := take(first); err != nil {
		return err
	}
	for p := range it.large.more {
		if err := take(p); err != nil {
			return err
		}
	}
	it.sum.md5 = it.large.md5
	return nil
}

// release frees a piece when nobody reads it.
func (it *Item) release(p *piece) {
	if p.summed != nil {
		<-p.summed
	}
	it.s.release(p)
}

// tail reads what is left from offset on, one chunk after the other.
func (it *Item) tail(offset int64, emit func([]byte) error) error {
	if offset >= it.Attr.Size {
		return nil
	}
	buf := make([]byte, Chunk)
	w := worker{source: it.s}
	defer w.end()
	o := it.Object
	o.ETag = it.Attr.ETag
	for offset < it.Attr.Size {
		n, err := w.fill(it.ctx, part{object: o, offset: offset}, buf, func(object.Attributes) {})
		if err != nil {
			return err
		}
		if err := emit(buf[:n]); err != nil {
			return err
		}
		offset += int64(n)
	}
	return nil
}

// discard frees what the item holds, and waits for its reads.
func (it *Item) discard() {
	if it.large != nil {
		it.large.cancel(errDiscarded)
	}
	if it.first != nil {
		<-it.first.done
		it.release(it.first)
		it.first = nil
	}
	if it.large != nil {
		for p := range it.large.more {
			<-p.done
			it.release(p)
		}
	}
	<-it.answered
}

var errDiscarded = errors.New("the object is not wanted any more")

// readSmall fetches an object that is expected to fit its first piece.
func (it *Item) readSmall(w *worker) {
	defer close(it.answered)
	p := it.first
	for attempt := 1; ; attempt++ {
		var err error
		ask := part{object: it.unpinned(), whole: true}
		p.n, err = w.fill(it.ctx, ask, w.buffer(p), func(a object.Attributes) { it.Attr = a })
		if err != nil {
			it.Err = err
			return
		}
		if int64(p.n) < it.Attr.Size { // larger than listed: WriteTo reads on
			break
		}
		it.sum = newDigest(&it.Attr)
		it.sum.add(p.buf[:p.n])
		err = it.sum.check(it.Object.Location().String())
		if err == nil {
			it.checked = true
			break
		}
		if attempt == mismatchAttempts {
			it.Err = err
			return
		}
		it.s.stats.Retries.Add(1)
	}
	it.readTags()
}

// readFirst fetches the first piece of an object that has several. As soon as
// S3 answers, the other pieces may go on and describe runs in a goroutine of
// its own, started by spawn.
func (it *Item) readFirst(w *worker, spawn func(func())) {
	l, p := it.large, it.first // the consumer may take the piece from the item
	defer close(p.summed)
	answered := false
	p.n, p.err = w.fill(it.ctx, part{object: it.unpinned()}, w.buffer(p), func(a object.Attributes) {
		answered = true
		it.Attr, l.size, l.etag = a, a.Size, a.ETag
		close(l.pinned)
		spawn(it.describe)
	})
	if !answered {
		it.Err, l.err = p.err, p.err
		close(l.pinned)
		close(it.answered)
	}
	close(p.done)
	<-it.answered // tells what there is to check against
	if l.md5 = newDigest(&it.Attr).md5; l.md5 != nil && p.err == nil {
		l.md5.Write(p.buf[:p.n])
	}
}

// describe completes the answer to a range: S3 gives no checksum of the whole
// object there.
func (it *Item) describe() {
	defer close(it.answered)
	if it.Attr.Checksum == (object.Checksum{}) {
		o := it.unpinned()
		head, err := it.s.r.Head(it.ctx, o)
		if err == nil && head.ETag == it.Attr.ETag {
			it.Attr.Checksum = head.Checksum
		}
		// Without one, the ETag serves where it can.
	}
	it.readTags()
}

// readNext fetches piece number i, which comes behind before.
func (it *Item) readNext(w *worker, p, before *piece, i int) {
	defer close(p.summed)
	l := it.large
	<-l.pinned
	p.err = l.err
	if offset := int64(i) * Chunk; l.err == nil && offset < l.size {
		o := it.Object
		o.ETag = l.etag
		p.n, p.err = w.fill(it.ctx, part{object: o, offset: offset}, w.buffer(p), func(object.Attributes) {})
	}
	close(p.done)
	// The sum takes longer than all else that is done with a byte, and cannot
	// be made of pieces apart. Here several objects' are made at once, ahead
	// of the consumer.
	<-before.summed
	if l.md5 != nil && p.err == nil {
		l.md5.Write(p.buf[:p.n])
	}
}

func (it *Item) readTags() {
	if it.Attr.TagCount == 0 {
		return
	}
	tags, err := it.s.r.Tags(it.ctx, it.unpinned())
	if err != nil && fault.ReasonOf(err) == "" && it.ctx.Err() != nil {
		err = context.Cause(it.ctx)
	}
	it.Tags, it.Err = tags, err
}

// unpinned is the object without the ETag that its list told: what is there
// now is wanted.
func (it *Item) unpinned() object.Object {
	o := it.Object
	o.ETag = ""
	return o
}
