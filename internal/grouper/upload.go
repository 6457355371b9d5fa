package grouper

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

const (
	// maxUploads is how many manifests are stored at once.
	maxUploads = 8
	// uploadBytes bounds their text, but for a single larger one.
	uploadBytes = 16 << 20
	// maxBuffers is how many buffers are kept for further texts: those of an
	// ordinary data file.
	maxBuffers = 64
)

// digestName is the metadata that tells a manifest's content: the SHA-256 in
// hex.
const digestName = "s3grouper-sha256"

// uploads stores manifests beside what makes them. start and wait belong to
// one goroutine.
type uploads struct {
	store     store.Store
	overwrite bool
	class     string
	log       *slog.Logger

	room    *semaphore.Weighted
	count   *semaphore.Weighted
	buffers chan []byte
	large   []byte                  // for a text that takes all room
	cancel  context.CancelCauseFunc // ends the run with the first failure
	workers sync.WaitGroup

	last                      atomic.Int64 // the size of the last text
	written, existing, unsure atomic.Int64
}

func newUploads(st store.Store, opt Options, log *slog.Logger, cancel context.CancelCauseFunc) *uploads {
	u := &uploads{
		store: st, overwrite: opt.Overwrite, log: log, cancel: cancel,
		room:    semaphore.NewWeighted(uploadBytes),
		count:   semaphore.NewWeighted(maxUploads),
		buffers: make(chan []byte, maxBuffers),
	}
	if opt.ReducedRedundancy {
		u.class = "REDUCED_REDUNDANCY"
	}
	return u
}

// buffer gives an empty buffer, if possible one that was used before.
func (u *uploads) buffer() []byte {
	select {
	case b := <-u.buffers:
		return b[:0]
	default:
		return make([]byte, 0, min(u.last.Load(), partSize))
	}
}

// start stores the text of b at a location as soon as there is room. b is the
// uploads' from now on. A failure cancels the run.
func (u *uploads) start(ctx context.Context, at object.Location, b batch) error {
	size := min(int64(b.size), uploadBytes)
	if u.count.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	if u.room.Acquire(ctx, size) != nil {
		u.count.Release(1)
		return context.Cause(ctx)
	}
	u.last.Store(int64(b.size))
	u.workers.Go(func() {
		defer u.count.Release(1)
		defer u.room.Release(size)
		text, err := u.join(b)
		if err == nil {
			if err = u.save(ctx, at, text); err != nil && ctx.Err() != nil {
				u.unsure.Add(1)
			}
		}
		if err != nil {
			u.cancel(fault.As(fault.Upload, err))
		}
		u.drop(text)
	})
	return nil
}

// join gives the content of b in one piece.
func (u *uploads) join(b batch) (text []byte, err error) {
	switch {
	case len(b.parts) == 0:
		return b.text, nil
	case b.size >= uploadBytes: // no other is under way
		text, err = b.join(u.large)
		u.large = text
	default:
		text, err = b.join(u.buffer())
	}
	u.drop(b.text)
	return text, err
}

// drop keeps the buffer of a text that is no longer needed, if it is one for
// ordinary texts.
func (u *uploads) drop(text []byte) {
	if cap(text) == 0 || cap(text) > 2*partSize {
		return
	}
	select {
	case u.buffers <- text:
	default:
	}
}

// wait returns when no upload is under way.
func (u *uploads) wait() { u.workers.Wait() }

// save stores text at a location, unless it is there already.
func (u *uploads) save(ctx context.Context, at object.Location, text []byte) error {
	sum := sha256.Sum256(text)
	digest := hex.EncodeToString(sum[:])
	if !u.overwrite {
		if found, err := u.find(ctx, at, text, digest); found || err != nil {
			return err
		}
	}
	_, err := u.store.Put(ctx, at, text, store.PutOptions{
		Metadata:     []object.Pair{{Name: digestName, Value: digest}},
		Headers:      []object.Pair{{Name: "Content-Type", Value: "text/csv"}},
		StorageClass: u.class,
		IfAbsent:     !u.overwrite,
	})
	if errors.Is(err, store.ErrExists) {
		// Someone stored it since, or find was not allowed to see it.
		found, ferr := u.find(ctx, at, text, digest)
		if found || ferr != nil {
			return ferr
		}
		return fault.New(fault.Upload, "store manifest", at.String(), err,
			"allow s3:GetObject there to have it compared, or give another --key, or --overwrite to replace it")
	}
	if err != nil {
		return err
	}
	u.written.Add(1)
	u.log.Info("stored " + at.String())
	return nil
}

// find reports whether text is at the location already. Another text there is
// an error.
func (u *uploads) find(ctx context.Context, at object.Location, text []byte, digest string) (bool, error) {
	attr, err := u.store.Head(ctx, object.At(at))
	switch fault.ReasonOf(err) {
	case fault.NoSuchKey, fault.AccessDenied, fault.Retry:
		// Without s3:ListBucket, S3 denies what is not there. Put replaces
		// nothing, so that not knowing does no harm.
		return false, nil
	}
	if err != nil {
		return false, &fault.Error{Kind: fault.Upload, Err: err}
	}
	same := attr.Size == int64(len(text))
	if same {
		if told := metadata(attr, digestName); told != "" {
			same = told == digest
		} else {
			sum, ok := attr.MD5()
			same = ok && sum == fmt.Sprintf("%x", md5.Sum(text))
		}
	}
	if !same {
		return false, fault.New(fault.Upload, "store manifest", at.String(),
			errors.New("a manifest of other content is there"),
			"give another --key, or --overwrite to replace it")
	}
	u.existing.Add(1)
	u.log.Info("skipped " + at.String() + ": it is there already")
	return true, nil
}

func metadata(attr object.Attributes, name string) string {
	for _, p := range attr.Metadata {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}
