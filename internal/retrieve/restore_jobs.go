package retrieve

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/minio/crc64nvme"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/object"
)

// start waits for the means of a job and runs it in a goroutine of its own.
func (r *Restorer) start(ctx context.Context, j job) error {
	if j.streamed {
		slots, work := r.walks, r.walk
		if j.archive.Copy {
			slots, work = r.copies, r.copyOne
		}
		if err := slots.Acquire(ctx, 1); err != nil {
			return context.Cause(ctx)
		}
		r.jobs.Go(func() {
			defer slots.Release(1)
			work(ctx, j)
		})
		return nil
	}
	release, err := r.reserve(ctx, j.cost)
	if err != nil {
		return err
	}
	r.jobs.Go(func() {
		defer release()
		r.read(ctx, j)
	})
	return nil
}

// reserve waits for n bytes of memory.
func (r *Restorer) reserve(ctx context.Context, n int64) (release func(), err error) {
	n = min(n, int64(r.opt.Memory))
	if err := r.memory.Acquire(ctx, n); err != nil {
		return nil, context.Cause(ctx)
	}
	return func() { r.memory.Release(n) }, nil
}

// read does the job of a run: one request, and then all its objects at once.
// It returns when they are written.
func (r *Restorer) read(ctx context.Context, j job) {
	// What a row says beyond the archive's end is missing, and found to be.
	buf := make([]byte, max(0, min(j.length, j.archive.Object.Size-j.offset)))
	if len(buf) > 0 {
		n, err := fetch.ReadRange(ctx, r.st, j.archive.Object, j.offset, buf, r.fetch)
		if err != nil {
			for _, w := range j.objects {
				r.letter(ctx, &w.row, err)
			}
			return
		}
		buf = buf[:n]
	}
	var writes sync.WaitGroup
	defer writes.Wait()
	var block []byte // of a compressed archive, inflated
	at := int64(-1)
	for i, w := range j.objects {
		if ctx.Err() != nil {
			return
		}
		var content []byte
		switch p := w.row.Place; {
		case w.row.Size == 0:
		case !j.archive.Compressed:
			content = within(buf, p.Offset-j.offset, w.row.Size)
		default:
			if at != p.Block {
				at, block = p.Block, inflate(within(buf, p.Block-j.offset, p.BlockLength), j.objects[i:])
			}
			content = within(block, p.Offset, w.row.Size)
		}
		r.write(ctx, w, content, &writes)
	}
}

// within is b[offset:offset+n], or as much of it as there is; n below 0 means
// to the end.
func within(b []byte, offset, n int64) []byte {
	if offset < 0 || offset >= int64(len(b)) {
		return nil
	}
	if b = b[offset:]; n >= 0 && n < int64(len(b)) {
		b = b[:n]
	}
	return b
}

// inflate gives what of a block the objects in it need; less if the block is
// damaged.
func inflate(compressed []byte, objects []*wanted) []byte {
	block, need := objects[0].row.Place.Block, int64(0)
	for _, w := range objects {
		if p := w.row.Place; p != nil && w.row.Size > 0 {
			if p.Block != block {
				break
			}
			need = max(need, p.Offset+w.row.Size)
		}
	}
	z, err := gzip.NewReader(bufio.NewReader(bytes.NewReader(compressed)))
	if err != nil {
		return nil
	}
	out := make([]byte, need)
	n, _ := io.ReadFull(z, out) // the objects' checksums tell what is missing
	return out[:n]
}

// write stores content that is in memory, in a goroutine of its own. Content
// that is not the row's may have been damaged on its way and is read again.
func (r *Restorer) write(ctx context.Context, w *wanted, content []byte, writes *sync.WaitGroup) {
	if r.writes.Acquire(ctx, 1) != nil {
		return
	}
	writes.Go(func() {
		defer r.writes.Release(1)
		sum := newChecker(&w.row)
		sum.Write(content)
		if int64(len(content)) != w.row.Size || !r.opt.NoCheck && sum.check(w.archive.Object.Location()) != nil {
			var err error
			if content, err = r.readAgain(ctx, w); err != nil {
				r.finish(ctx, w, err)
				return
			}
		}
		if !sum.checks() {
			w.row.CRC64NVME = object.CRC64NVME(crc64nvme.Checksum(content)).Value
		}
		if w.found == undecided && r.decide(ctx, w) {
			return
		}
		r.finish(ctx, w, r.put(ctx, w, content))
	})
}

// readAgain reads one object alone.
func (r *Restorer) readAgain(ctx context.Context, w *wanted) ([]byte, error) {
	body, err := w.archive.content(ctx, r.st, &w.row, whole)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(r.checked(w, body))
}

// attempts is how often an object is written whose writing may succeed later.
const attempts = 6

// put writes an object from memory.
func (r *Restorer) put(ctx context.Context, w *wanted, content []byte) error {
	for attempt := 1; ; attempt++ {
		err := r.to.put(ctx, w.to, &w.row, content, w.over)
		if fault.ReasonOf(err) != fault.Retry || attempt == attempts {
			return err
		}
		if err := backOff(ctx, attempt); err != nil {
			return err
		}
	}
}

// backOff waits before the next attempt, exponentially longer, with jitter.
func backOff(ctx context.Context, attempt int) error {
	t := time.NewTimer(rand.N(100*time.Millisecond<<attempt) + time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// finish counts an object that is written, or why it is not.
func (r *Restorer) finish(ctx context.Context, w *wanted, err error) {
	if err == nil {
		r.done(w)
		return
	}
	if fault.ReasonOf(err) == Exists && r.opt.Existing == Skip {
		// A request whose answer was lost may have stored it.
		if found, e := r.to.look(ctx, w, &r.opt); e == nil && found == same {
			r.Progress.Skipped.Add(1)
			return
		}
	}
	if ctx.Err() == nil {
		r.letter(ctx, &w.row, err)
	}
}
