package grouper

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/inventory"
	"s3bundler/internal/object"
)

// Data files are read twice. The first reading, of some files at once and
// ahead of the second, verifies size, MD5, gzip and every row, so that nothing
// of a damaged file gets into a manifest. Only the second makes manifests.
// Between the two a file stays in memory, or is fetched again if it is large.
const (
	// heldBytes bounds the files in memory.
	heldBytes = 48 << 20
	// maxAhead is how many files at most are verified at once.
	maxAhead = 4
)

// verifiedFile is a data file of which every byte is known to be right.
type verifiedFile struct {
	inventory.File
	seal inventory.Seal
	held []byte // its content; nil if it is to be fetched again
	err  error
	slot []byte // the buffer to give back
}

// verified yields the report's data files in order, each after its first
// reading; the following ones are read meanwhile. A file is good until the
// next is asked for. The first error ends the files.
func (r *run) verified(ctx context.Context) iter.Seq2[verifiedFile, error] {
	return func(yield func(verifiedFile, error) bool) {
		var readers sync.WaitGroup
		defer readers.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()

		ahead := min(runtime.GOMAXPROCS(0), maxAhead, len(r.report.Files))
		slots := make(chan []byte, ahead+1) // one more is read the second time
		for range cap(slots) {
			slots <- nil
		}
		limit := r.held / int64(cap(slots))
		order := make(chan chan verifiedFile, cap(slots))
		readers.Go(func() {
			defer close(order)
			for _, f := range r.report.Files {
				var slot []byte
				select {
				case slot = <-slots:
				case <-ctx.Done():
					return
				}
				done := make(chan verifiedFile, 1)
				order <- done
				readers.Go(func() { done <- r.verify(ctx, f, slot, limit) })
			}
		})
		left := len(r.report.Files)
		for done := range order {
			f := <-done
			left--
			if !yield(f, f.err) || f.err != nil {
				return
			}
			slots <- f.slot
		}
		if left > 0 {
			yield(verifiedFile{}, context.Cause(ctx))
		}
	}
}

// verify reads f the first time, and keeps it in slot if it has at most limit
// bytes.
func (r *run) verify(ctx context.Context, f inventory.File, slot []byte, limit int64) verifiedFile {
	out := verifiedFile{File: f, slot: slot}
	body, attr, err := fetch.Stream(ctx, r.store, object.At(f.Location))
	if err != nil {
		out.err = fault.As(fault.Download, err)
		return out
	}
	defer body.Close()
	if attr.Size != f.Size {
		out.err = fault.New(fault.Read, "verify inventory", f.Location.String(),
			fmt.Errorf("it has %d bytes, and the report says %d", attr.Size, f.Size), hintDelivery)
		return out
	}
	var src io.Reader = body
	kept := bytes.NewBuffer(slot[:0])
	if f.Size <= limit {
		kept.Grow(int(f.Size) + bytes.MinRead)
		src = io.TeeReader(body, kept)
	}
	if out.seal, err = inventory.Verify(src, f, r.report.Schema); err != nil {
		out.err = fault.As(fault.Download, err)
		return out
	}
	if f.Size <= limit {
		out.held, out.slot = kept.Bytes(), kept.Bytes()
	}
	r.log.Debug("verified " + f.Location.String())
	return out
}

// rows yields the rows of all data files, in the report's order.
func (r *run) rows(ctx context.Context) iter.Seq2[*inventory.Row, error] {
	return func(yield func(*inventory.Row, error) bool) {
		for f, err := range r.verified(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !r.fileRows(ctx, f, yield) {
				return
			}
		}
	}
}

// fileRows hands the rows of one file, in its second reading, to yield.
func (r *run) fileRows(ctx context.Context, f verifiedFile, yield func(*inventory.Row, error) bool) (more bool) {
	var src io.Reader = bytes.NewReader(f.held)
	if f.held == nil {
		body, _, err := fetch.Stream(ctx, r.store, object.At(f.Location))
		if err != nil {
			yield(nil, fault.As(fault.Download, err))
			return false
		}
		defer body.Close()
		src = f.seal.Reader(body)
	}
	src = &countingReader{src, &r.stats.Read}
	for row, err := range inventory.Rows(src, f.Location, r.report.Schema) {
		if err != nil {
			yield(nil, fault.As(fault.Download, err))
			return false
		}
		if r.filter.takes(row) && !yield(row, nil) {
			return false
		}
		if r.stats.Rows%tellEvery == 0 {
			if ctx.Err() != nil {
				yield(nil, context.Cause(ctx))
				return false
			}
			r.tell()
		}
	}
	return true
}

// countingReader adds what it reads to n.
type countingReader struct {
	r io.Reader
	n *int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}

const hintDelivery = "take another delivery of this inventory"
