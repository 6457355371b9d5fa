package retrieve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/archive"
	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// inMemory is up to which size an object of a stream is taken into memory, so
// that reading goes on while it is written.
const inMemory = 4 << 20

// whole is the range of all content.
var whole = store.Range{}

// streamCost is what writing an object from a stream takes in memory.
const streamCost = (partsAhead + 1) * partSize

// walk does the job of objects that are read one after the other.
func (r *Restorer) walk(ctx context.Context, j job) {
	var writes sync.WaitGroup
	defer writes.Wait()
	left := j.objects
	for p, err := range j.contents(ctx, r.st) {
		if err != nil {
			for _, w := range left {
				r.letter(ctx, &w.row, err)
			}
			return
		}
		left = p.left
		if !r.deliver(ctx, p.object, p.content, &writes) {
			return
		}
	}
	for _, w := range left {
		r.letter(ctx, &w.row, &fault.Error{Reason: fault.NoSuchKey, Op: "find " + nameOf(&w.row), Where: "in " + j.archive.Object.Location().String(),
			Err: errors.New("the archive holds no such member, or in another order than its index")})
	}
}

// delivery is one object of a stream.
type delivery struct {
	object  *wanted
	content io.Reader
	left    []*wanted // those to come
}

// contents yields the objects of the job as they come.
func (j job) contents(ctx context.Context, st store.Reader) iter.Seq2[delivery, error] {
	switch {
	case j.objects[0].row.Place == nil:
		return j.members(ctx, st)
	case j.archive.Compressed:
		return j.inBlock(ctx, st)
	}
	return func(yield func(delivery, error) bool) { // one large object
		w := j.objects[0]
		body, err := j.archive.content(ctx, st, &w.row, whole)
		if err != nil {
			yield(delivery{}, err)
			return
		}
		defer body.Close()
		yield(delivery{w, body, nil}, nil)
	}
}

// members finds objects by their names, which must come in the index's order.
func (j job) members(ctx context.Context, st store.Reader) iter.Seq2[delivery, error] {
	return func(yield func(delivery, error) bool) {
		left := j.objects
		for m, err := range j.archive.members(ctx, st) {
			if err != nil {
				yield(delivery{}, err)
				return
			}
			row := &left[0].row
			if m.name != archive.MemberName(row.Bucket, object.DecodeKey(row.Key)) {
				continue
			}
			d := delivery{left[0], m.content, left[1:]}
			if m.size != row.Size {
				d.content = errReader{fmt.Errorf("the member has %d bytes, the index says %d", m.size, row.Size)}
			}
			left = d.left
			if !yield(d, nil) || len(left) == 0 {
				return
			}
		}
	}
}

// errReader is content that cannot be had.
type errReader struct{ error }

func (e errReader) Read([]byte) (int, error) {
	return 0, &fault.Error{Reason: fault.ChecksumMismatch, Op: "read", Err: e.error}
}

// inBlock reads objects out of one block of a compressed archive.
func (j job) inBlock(ctx context.Context, st store.Reader) iter.Seq2[delivery, error] {
	return func(yield func(delivery, error) bool) {
		body, err := j.archive.inflate(ctx, st, store.Range{Offset: j.offset, Length: j.length})
		if err != nil {
			yield(delivery{}, err)
			return
		}
		defer body.Close()
		at := int64(0)
		for i, w := range j.objects {
			p := w.row.Place
			if _, err := io.CopyN(io.Discard, body, p.Offset-at); err != nil {
				if err == io.EOF {
					err = j.archive.damaged(io.ErrUnexpectedEOF)
				}
				yield(delivery{}, err)
				return
			}
			content := &io.LimitedReader{R: body, N: w.row.Size}
			if !yield(delivery{w, content, j.objects[i+1:]}, nil) {
				return
			}
			at = p.Offset + w.row.Size - content.N
		}
	}
}

// deliver writes one object of a stream. It reports false if the run is over.
func (r *Restorer) deliver(ctx context.Context, w *wanted, content io.Reader, writes *sync.WaitGroup) bool {
	if w.row.Size <= inMemory {
		release, err := r.reserve(ctx, w.row.Size+rowCost)
		if err != nil {
			return false
		}
		body, err := io.ReadAll(io.LimitReader(content, w.row.Size))
		if ctx.Err() != nil {
			release()
			return false
		}
		if err != nil {
			body = nil // what is missing is read again, and says why
		}
		writes.Go(func() {
			var one sync.WaitGroup
			r.write(ctx, w, body, &one)
			one.Wait()
			release()
		})
		return true
	}
	done, err := r.streamUnlessThere(ctx, w, content)
	if done {
		return ctx.Err() == nil
	}
	for attempt := 1; err != nil && worthAgain(err) && attempt < attempts && ctx.Err() == nil; attempt++ {
		if err = backOff(ctx, attempt); err == nil {
			err = r.streamAgain(ctx, w)
		}
	}
	r.finish(ctx, w, err)
	return ctx.Err() == nil
}

// worthAgain reports whether an object that was streamed may go well another
// time: what was read or written of it is gone.
func worthAgain(err error) bool { return fault.ReasonOf(err) == fault.Retry }

// streamUnlessThere writes an object, unless it is done with because of what
// is there: where only the content tells, it is read for that first, and once
// more to be written.
func (r *Restorer) streamUnlessThere(ctx context.Context, w *wanted, content io.Reader) (done bool, err error) {
	if w.found != undecided {
		return false, r.stream(ctx, w, content)
	}
	if _, err := io.Copy(io.Discard, r.checked(w, content)); err != nil {
		return false, err
	}
	if r.decide(ctx, w) {
		return true, nil
	}
	return false, r.streamAgain(ctx, w)
}

// stream writes an object as it is read.
func (r *Restorer) stream(ctx context.Context, w *wanted, content io.Reader) error {
	release, err := r.reserve(ctx, streamCost)
	if err != nil {
		return err
	}
	defer release()
	if err := r.writes.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	defer r.writes.Release(1)
	return r.to.stream(ctx, w.to, &w.row, r.checked(w, content), w.over)
}

func (r *Restorer) streamAgain(ctx context.Context, w *wanted) error {
	body, err := w.archive.content(ctx, r.st, &w.row, whole)
	if err != nil {
		return err
	}
	defer body.Close()
	return r.stream(ctx, w, body)
}

// copyOne restores a big object from its copy.
func (r *Restorer) copyOne(ctx context.Context, j job) {
	w := j.objects[0]
	if w.archive.Object.Size != w.row.Size {
		sum := newChecker(&w.row)
		sum.n = w.archive.Object.Size
		r.letter(ctx, &w.row, sum.check(w.archive.Object.Location()))
		return
	}
	if w.found == undecided {
		if err := r.learn(ctx, w); err != nil {
			r.finish(ctx, w, err)
			return
		}
		if r.decide(ctx, w) {
			return
		}
	}
	var err error
	for attempt := 1; ; attempt++ {
		if r.to.copies() {
			err = r.to.copy(ctx, w.to, &w.row, *w.archive, w.over)
		} else {
			err = r.streamAgain(ctx, w)
		}
		if !worthAgain(err) || attempt == attempts {
			break
		}
		if err = backOff(ctx, attempt); err != nil {
			break
		}
	}
	r.finish(ctx, w, err)
}

// learn reads a big object for its checksum alone.
func (r *Restorer) learn(ctx context.Context, w *wanted) error {
	body, err := w.archive.content(ctx, r.st, &w.row, whole)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(io.Discard, r.checked(w, body))
	return err
}

// checked is content that ends in an error if it is not the row's: what is
// being written of it is then given up.
func (r *Restorer) checked(w *wanted, content io.Reader) io.Reader {
	sum := newChecker(&w.row)
	return &checkedReader{r: content, sum: sum, where: w.archive.Object.Location(), lenient: r.opt.NoCheck, learns: !sum.checks()}
}

type checkedReader struct {
	r       io.Reader
	sum     *checker
	where   object.Location
	lenient bool // its length alone counts
	// learns says that the row has no checksum and gets that of the content, by
	// which what is there can be told from it.
	learns bool
	crc    uint64
}

func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sum.Write(p[:n])
	if c.learns {
		c.crc = crc64nvme.Update(c.crc, p[:n])
	}
	if err != io.EOF {
		return n, err
	}
	if e := c.sum.check(c.where); e != nil && (!c.lenient || c.sum.n != c.sum.row.Size) {
		return n, e
	}
	if c.learns {
		c.sum.row.CRC64NVME = object.CRC64NVME(c.crc).Value
	}
	return n, io.EOF
}
