package grouper

import (
	"context"
	"fmt"
	"io"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/inventory"
	"s3bundler/internal/object"
)

// filesAhead is how many data files are fetched and decompressed ahead of the
// one whose rows are taken.
const filesAhead = 2

// maxAttempts is how often a data file is fetched whose bytes do not have the
// checksum that S3 gives with them.
const maxAttempts = 4

// files takes in all data files, in the report's order.
func (r *run) files(ctx context.Context) error {
	var started []*inventory.Reading
	defer func() {
		for _, reading := range started {
			reading.Close()
		}
	}()
	for i, f := range r.report.Files {
		for next := i + len(started); len(started) <= filesAhead && next < len(r.report.Files); next++ {
			started = append(started, r.read(ctx, r.report.Files[next], nil))
		}
		reading := started[0]
		started = started[1:]
		if err := r.file(ctx, f, reading); err != nil {
			return err
		}
		r.log.Debug("read " + f.Location.String())
	}
	return nil
}

// read starts to read f. With a seal, it is read for the second time.
func (r *run) read(ctx context.Context, f inventory.File, seal *inventory.Seal) *inventory.Reading {
	return f.Read(ctx, func(ctx context.Context) (io.ReadCloser, error) {
		body, attr, err := fetch.Stream(ctx, r.store, object.At(f.Location))
		switch {
		case err != nil:
			return nil, err
		case seal != nil:
			return sealedBody{seal.Reader(body), body}, nil
		case attr.Size != f.Size:
			_ = body.Close() // nothing was read
			return nil, fault.New(fault.Read, "verify inventory", f.Location.String(),
				fmt.Errorf("it has %d bytes, and the report says %d", attr.Size, f.Size),
				"take another delivery of this inventory")
		}
		return body, nil
	})
}

type sealedBody struct {
	io.Reader
	io.Closer
}

// file takes in one data file, and ends the reading. Its batches are held until
// the file has turned out to be right; if they become too many, the file is
// read once more when it has.
func (r *run) file(ctx context.Context, f inventory.File, reading *inventory.Reading) error {
	held, err := r.hold(ctx, reading)
	reading.Close()
	for attempt := 1; attempt < maxAttempts && fault.ReasonOf(err) == fault.ChecksumMismatch; attempt++ {
		r.log.Info("read again, damaged on its way: " + f.Location.String())
		reading = r.read(ctx, f, nil)
		held, err = r.hold(ctx, reading)
		reading.Close()
	}
	if err != nil {
		return fault.As(fault.Download, err)
	}
	r.through += f.Size
	r.stats.Read = r.through
	if held {
		return r.upload(ctx)
	}
	seal := reading.Seal()
	return r.again(ctx, f, &seal)
}

// hold reads a data file to its end, counts its rows and holds its batches. If
// they become too many it drops them all. A file that fails leaves no trace.
func (r *run) hold(ctx context.Context, reading *inventory.Reading) (held bool, err error) {
	held, before := true, r.stats
	for row, err := range reading.Rows(r.report.Schema) {
		if err != nil {
			r.stats = before
			if failed := r.grouping.rewind(); failed != nil {
				err = failed
			}
			return false, err
		}
		if r.filter.takes(row) && held {
			r.grouping.add(row)
			if r.grouping.held > r.mayHold() {
				held = false
				if err := r.grouping.rewind(); err != nil {
					return false, err
				}
			}
		}
		if r.stats.Rows%tellEvery == 0 {
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			r.stats.Read = r.through + reading.Fetched()
			r.tell()
		}
	}
	return held, nil
}

// mayHold is how many bytes of batches may be held beside the longest upload.
func (r *run) mayHold() int {
	return r.maxHeld - max(0, r.grouping.longest-uploadBytes)
}

// again takes in a file that is known to be right.
func (r *run) again(ctx context.Context, f inventory.File, seal *inventory.Seal) error {
	r.log.Debug("read again " + f.Location.String())
	reading := r.read(ctx, f, seal)
	defer reading.Close()
	filter := r.filter
	filter.stats = &Stats{} // the rows are counted
	for row, err := range reading.Rows(r.report.Schema) {
		if err != nil {
			return fault.As(fault.Download, err)
		}
		if !filter.takes(row) {
			continue
		}
		r.grouping.add(row)
		if r.grouping.held > 0 {
			if err := r.upload(ctx); err != nil {
				return err
			}
		}
	}
	return r.upload(ctx) // the rows of the open batch stay, too
}

// upload starts to store the full batches. Nothing else is stored before the
// first one is: if another run's is in its place, a mix of the two would be
// archived.
func (r *run) upload(ctx context.Context) error {
	for _, b := range r.grouping.take() {
		at := object.Location{Bucket: r.opt.Bucket, Key: r.output.Key(r.batches)}
		if err := r.uploads.start(ctx, at, b); err != nil {
			return err
		}
		if r.batches == 0 {
			r.uploads.wait()
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		r.batches++
	}
	return nil
}
