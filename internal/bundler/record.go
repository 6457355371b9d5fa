package bundler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
	"s3bundler/internal/upload"
)

// record is the index of a bundle, or its dead-letter index, while it grows.
// Its lines are held until the archive is stored; what is more than the memory
// for them holds is sent as parts of a multipart upload, of which nobody sees
// anything before it is completed. It belongs to one goroutine at a time.
type record struct {
	ctx context.Context
	st  store.Store
	at  object.Location
	// first is what a multipart upload begins with. What is known only at the
	// end is given to store.
	first store.PutOptions
	limit int     // bytes of memory for lines, compressed
	out   *outbox // that all bundles share

	lines index.Lines
	line  []byte
	count int
	crc   uint64 // CRC-64/NVME of all lines
	id    string // of the multipart upload; empty if there is none
	parts []store.Part
}

// outbox is memory for one part of a record.
type outbox struct {
	mu   sync.Mutex
	part []byte
}

// appender is a line that knows how it is written.
type appender interface{ Append(dst []byte) []byte }

// add adds one line.
func (r *record) add(a appender) error {
	r.line = a.Append(r.line[:0])
	r.count++
	r.crc = crc64nvme.Update(r.crc, r.line)
	if _, err := r.lines.Write(r.line); err != nil {
		return fault.New(fault.Compress, "keep lines of", r.at.String(), err, "")
	}
	if r.lines.Memory() < r.limit || r.lines.Size() < upload.MinPartSize {
		return nil
	}
	return r.send(false)
}

// sum is the checksum of all lines.
func (r *record) sum() object.Checksum { return object.CRC64NVME(r.crc) }

// send sends the lines in parts. What does not fill one stays, unless it is
// the last.
func (r *record) send(last bool) error {
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	if r.out.part == nil {
		r.out.part = make([]byte, upload.MinPartSize)
	}
	lines, err := r.lines.Reader()
	if err != nil {
		return err
	}
	defer lines.Close()
	r.lines = index.Lines{}
	for {
		n, err := io.ReadFull(lines, r.out.part)
		part := r.out.part[:n]
		full := err == nil
		switch {
		case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
			return err
		case full || last && n > 0:
			err = r.sendPart(part)
		default:
			_, err = r.lines.Write(part)
		}
		if err != nil || !full {
			return err
		}
	}
}

func (r *record) sendPart(part []byte) (err error) {
	if r.id == "" {
		if r.id, err = r.st.CreateUpload(r.ctx, r.at, r.first); err != nil {
			return err
		}
	}
	sent, err := r.st.UploadPart(r.ctx, r.at, r.id, len(r.parts)+1, part, object.CRC64NVME(crc64nvme.Checksum(part)))
	r.parts = append(r.parts, sent)
	return err
}

// store stores the lines with opt. Metadata cannot be given to a multipart
// upload at its end: the object gets it by a copy onto itself.
func (r *record) store(opt store.PutOptions) (store.Stored, error) {
	if r.id == "" {
		lines, err := r.lines.Reader()
		if err != nil {
			return store.Stored{}, fault.New(fault.Compress, "keep lines of", r.at.String(), err, "")
		}
		defer lines.Close()
		return r.st.Upload(r.ctx, r.at, lines, opt)
	}
	if err := r.send(true); err != nil {
		return store.Stored{}, err
	}
	stored, err := r.st.CompleteUpload(r.ctx, r.at, r.id, r.parts, r.sum(), opt)
	if err != nil {
		return store.Stored{}, err
	}
	r.id = ""
	attr, err := r.st.Head(r.ctx, object.At(r.at))
	if err == nil && attr.ETag != stored.ETag {
		err = store.ErrExists
	}
	if err != nil {
		return store.Stored{}, err
	}
	o := object.Object{Bucket: r.at.Bucket, Key: r.at.Key, ETag: stored.ETag}
	stored, err = r.st.Copy(r.ctx, o, attr, nil, r.at, store.PutOptions{Metadata: opt.Metadata})
	if reason := fault.ReasonOf(err); reason == fault.Changed || reason == fault.NoSuchKey {
		err = errors.Join(store.ErrExists, err)
	}
	return stored, err
}

// abort ends the multipart upload, if there is one.
func (r *record) abort() error {
	if r.id == "" {
		return nil
	}
	err := r.st.AbortUpload(r.ctx, r.at, r.id)
	r.id = ""
	if err != nil {
		err = fmt.Errorf("the upload of %s stays open: %w", r.at, err)
	}
	return err
}
