package inventory

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// How much of a data file is fetched and decompressed before its rows are
// asked for. Blocks are small enough to stay in a processor's cache.
const (
	block         = 128 << 10
	fetchedBlocks = 8
	textBlocks    = 8
)

// Reading is a data file on its way in: it is fetched, checked and
// decompressed by goroutines of its own, ahead of what takes its rows.
type Reading struct {
	file    File
	checked checkedReader
	text    *ahead
	cancel  context.CancelFunc
	workers sync.WaitGroup
}

// Read starts to read the file that open opens. It must be closed. The end of
// ctx ends it with ctx's cause.
func (f File) Read(ctx context.Context, open func(context.Context) (io.ReadCloser, error)) *Reading {
	ctx, cancel := context.WithCancel(ctx)
	r := &Reading{file: f, text: newAhead(textBlocks, block), cancel: cancel}
	r.checked.start(f)
	fetched := newAhead(fetchedBlocks, block)
	r.workers.Go(func() {
		body, err := open(ctx)
		if err != nil {
			r.checked.err = err
		} else {
			defer body.Close() // it was only read
			r.checked.r = body
		}
		fetched.run(ctx, &r.checked)
	})
	r.workers.Go(func() { r.text.run(ctx, &decompressor{in: fetched, at: f.Location}) })
	return r
}

// Fetched is how many of the file's bytes have come in. It may be called while
// the reading goes on.
func (r *Reading) Fetched() int64 { return r.checked.size.Load() }

// Seal lets the same file be read once more and trusted from its first byte
// on. It is there when the rows have ended without an error.
func (r *Reading) Seal() Seal { return r.checked.done() }

// Close ends the reading and waits for its goroutines.
func (r *Reading) Close() {
	r.cancel()
	r.workers.Wait()
}

// decompressor reads gzip data. If they are damaged, it first looks what else
// is wrong with where they come from.
type decompressor struct {
	in *ahead
	gz *gzip.Reader
	at object.Location
}

func (d *decompressor) Read(p []byte) (int, error) {
	var n int
	var err error
	if d.gz == nil {
		d.gz, err = gzip.NewReader(bufio.NewReaderSize(d.in, block))
	}
	if err == nil {
		n, err = d.gz.Read(p)
		if err == nil || err == io.EOF {
			return n, err
		}
	}
	if _, cause := io.Copy(io.Discard, d.in); cause != nil {
		return n, cause
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the gzip data ends too soon")
	}
	return n, fault.New(fault.Compress, "decompress inventory", d.at.String(), err, hintAgain)
}
