package bundler

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"s3bundler/internal/fault"
	"s3bundler/internal/layout"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// errSuperseded says that another worker has stored this manifest's archive
// meanwhile. Whoever is told looks again: either the other one's archive has
// its index, and the work is done, or it must be done once more.
var errSuperseded = errors.New("another worker stored this manifest's archive meanwhile")

// published is what lies in the archive bucket when a bundle begins.
type published struct {
	archiveETag string // empty if there is no archive
	indexETag   string // empty if there is no index
	lettersETag string // empty if there is no dead-letter index
	// promised says that the index has, or is about to get, a dead-letter
	// index beside it.
	promised bool
	// paired says that there is an archive with its own index, of whatever
	// manifest; whole, that they are of this very one.
	paired, whole bool
	// done says that archive, index and dead letters of this very manifest
	// are all there and belong together.
	done bool
}

// look finds what an earlier run, or another worker, has left. An archive whose
// objects are purged, or were, is not made again: it may be all that is left of
// them. The log is there before the first is deleted.
func (w *bundle) look(ctx context.Context) (published, error) {
	p, err := w.survey(ctx)
	if err != nil || p.done || p.archiveETag == "" && p.indexETag == "" {
		return p, err
	}
	at := layout.PurgeLog(w.result.Index)
	log, err := w.head(ctx, at)
	switch {
	case err != nil || log.ETag == "":
	case p.whole:
		p.done = true
		w.log.Error("the dead-letter index of "+w.manifest.String()+" is gone, and is not made again: the objects of the archive were purged", "log", at.String())
	default:
		err = kept(w.result.Index, at.String()+" is the log of a purge, which deletes objects because that archive has them")
	}
	return p, err
}

// kept is why an archive with its index is not replaced.
func kept(index object.Location, why string) error {
	return aloneError{fault.New(fault.Upload, "replace the archive of", index.String(), errors.New(why), "it stays as it is; bundle the manifest with another --prefix")}
}

func (w *bundle) survey(ctx context.Context) (published, error) {
	var p published
	archived, err := w.head(ctx, w.result.Archive)
	if err != nil {
		return p, &fault.Error{Kind: fault.Upload, Op: "look for an earlier archive", Err: err}
	}
	indexed, err := w.head(ctx, w.result.Index)
	if err != nil {
		return p, err
	}
	letters, err := w.head(ctx, layout.DeadLetters(w.manifest))
	if err != nil && fault.ReasonOf(err) != fault.AccessDenied {
		// What may not be read need not be there. To store it will tell.
		return p, err
	}
	if of := valueOf(indexed.Metadata, layout.Manifest); of != "" && of != w.address() {
		return p, aloneError{fault.New(fault.Upload, "archive", w.manifest.String(),
			fmt.Errorf("%s is the index of another manifest of that name, %s", w.result.Index, of), "give another --prefix")}
	}
	p.archiveETag, p.indexETag, p.lettersETag = archived.ETag, indexed.ETag, letters.ETag
	sum := valueOf(indexed.Metadata, layout.DeadLetterSum)
	p.promised = sum != ""
	pairedWith := valueOf(indexed.Metadata, layout.ArchiveETag)
	p.paired = archived.ETag != "" && archived.ETag == pairedWith
	if p.indexETag == "" {
		return p, nil
	}
	if valueOf(indexed.Metadata, layout.ManifestETag) != w.etag {
		// It is of an earlier content of the manifest, or of a later one: then
		// the manifest was replaced, and bundled, since it was read here.
		return p, w.still(ctx, w.manifest, w.etag)
	}
	if p.archiveETag == "" { // it may have been made with the other setting of -c
		other := w.opt.Archive.Archive(w.source, w.name(), !w.opt.Compress)
		if archived, err = w.head(ctx, other); err != nil {
			return p, err
		}
	}
	if archived.ETag == "" || archived.ETag != pairedWith {
		return p, nil
	}
	p.paired, p.whole = true, true
	// The sum of letters that nobody promised is of an older run.
	p.done = !p.promised || valueOf(letters.Metadata, layout.DeadLetterSum) == sum
	return p, nil
}

// head is Head, where what is missing has no attributes.
func (w *bundle) head(ctx context.Context, l object.Location) (object.Attributes, error) {
	a, err := w.st.Head(ctx, object.At(l))
	if fault.ReasonOf(err) == fault.NoSuchKey {
		return object.Attributes{}, nil
	}
	return a, fault.As(fault.Download, err)
}

// publish completes the archive, then stores the index, then the dead letters.
// Each step holds only if the one before it is still the last word: of two
// workers on one manifest, the one that comes second finds that out.
func (w *bundle) publish(ctx context.Context) error {
	stored, err := w.up.Close()
	if err != nil {
		return superseded(fault.As(fault.Upload, err))
	}
	w.result.ArchiveBytes = stored.Size
	if err := w.check(ctx, stored); err != nil {
		return err
	}
	index, err := w.storeIndex(stored.ETag)
	if err != nil {
		return err
	}
	if w.hasLetters() {
		if err := w.storeLetters(); err != nil {
			return err
		}
		if err := w.still(ctx, w.result.Index, index.ETag); err != nil {
			return err
		}
	}
	return w.still(ctx, w.result.Archive, stored.ETag)
}

// hasLetters reports whether this run has a dead-letter index, which may be
// without a line. Where there was one, or an index promised one, there must be
// one again: it takes the place of lines that hold no more, and that of a
// worker which is late with its own.
func (w *bundle) hasLetters() bool {
	return w.letters.count > 0 || w.before.promised || w.before.lettersETag != ""
}

// still checks that nobody has replaced what was stored.
func (w *bundle) still(ctx context.Context, l object.Location, etag string) error {
	a, err := w.head(ctx, l)
	if err == nil && a.ETag != etag {
		err = errSuperseded
	}
	return err
}

// check compares the archive that S3 holds with what was sent.
func (w *bundle) check(ctx context.Context, sent store.Stored) error {
	a, err := w.head(ctx, w.result.Archive)
	if err != nil {
		return err
	}
	if a.ETag != sent.ETag {
		return errSuperseded
	}
	differs := a.Size != sent.Size
	if c := a.Checksum; c.Algorithm == sent.Checksum.Algorithm && c.Value != sent.Checksum.Value {
		differs = true
	}
	if !differs {
		return nil
	}
	err = w.st.Delete(ctx, object.Object{Bucket: w.result.Archive.Bucket, Key: w.result.Archive.Key, ETag: a.ETag})
	return &fault.Error{Kind: fault.Upload, Op: "check archive", Where: w.result.Archive.String(),
		Err: errors.Join(fmt.Errorf("S3 holds %d bytes with %s %s, sent were %d with %s",
			a.Size, a.Checksum.Algorithm, a.Checksum.Value, sent.Size, sent.Checksum.Value), err),
		Hint: "run again"}
}

// recordHeaders are those of an index and a dead-letter index.
var recordHeaders = []object.Pair{{Name: "Content-Type", Value: "text/csv"}}

// recordMetadata says of an index which manifest it is of.
func (w *bundle) recordMetadata() []object.Pair {
	return []object.Pair{{Name: layout.Manifest, Value: w.address()}, {Name: layout.ManifestETag, Value: w.etag}}
}

// storeIndex stores the index of the archive with this ETag.
func (w *bundle) storeIndex(archiveETag string) (store.Stored, error) {
	opt := store.PutOptions{
		Headers: recordHeaders,
		Metadata: append(w.recordMetadata(),
			object.Pair{Name: layout.ArchiveETag, Value: archiveETag},
			object.Pair{Name: layout.DeadLetterCount, Value: strconv.Itoa(w.letters.count)},
		),
		IfMatch: w.before.indexETag, IfAbsent: w.before.indexETag == "",
	}
	if w.hasLetters() {
		opt.Metadata = append(opt.Metadata, w.lettersPair())
	}
	stored, err := w.index.store(opt)
	return stored, superseded(fault.As(fault.Upload, err))
}

// address is the manifest's location in ASCII.
func (w *bundle) address() string {
	return "s3://" + w.manifest.Bucket + "/" + object.EncodeKey(w.manifest.Key)
}

// lettersPair binds the dead-letter index to its index.
func (w *bundle) lettersPair() object.Pair {
	return object.Pair{Name: layout.DeadLetterSum, Value: w.letters.sum().Value}
}

func (w *bundle) storeLetters() error {
	_, err := w.letters.store(store.PutOptions{
		Headers:  recordHeaders,
		Metadata: []object.Pair{{Name: layout.ManifestETag, Value: w.etag}, w.lettersPair()},
		IfMatch:  w.before.lettersETag, IfAbsent: w.before.lettersETag == "",
	})
	return superseded(fault.As(fault.Upload, err))
}

// superseded turns the error of a write whose condition failed into
// errSuperseded.
func superseded(err error) error {
	if errors.Is(err, store.ErrExists) {
		return errors.Join(errSuperseded, err)
	}
	return err
}

func valueOf(pairs []object.Pair, name string) string {
	for _, p := range pairs {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}
