package retrieve

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"sync/atomic"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
)

// DefaultHeads is how many HEADs and the like are under way at once.
const DefaultHeads = 256

// VerifyOptions are what is verified, and how.
type VerifyOptions struct {
	// AnyETag takes an archive that is not the one its index was written for,
	// if all else holds: it was copied.
	AnyETag bool
	// Sources has every object compared with the one that it was made from.
	Sources bool
	// Manifests are manifests, or prefixes of them, of which every row must be
	// accounted for below Places.
	Manifests []object.Location
	// Fields are the manifests' columns.
	Fields manifest.Fields
	// Archives is how many archives are read at once.
	Archives int
	// Limiter bounds the HEADs.
	Limiter *fetch.Limiter
	// Progress, which may be nil, is told what is done.
	Progress *VerifyProgress
}

// VerifyProgress counts what was verified. It may be read at any time.
type VerifyProgress struct {
	Archives, Objects, Bytes atomic.Int64
	// Damaged counts the archives and copies with findings.
	Damaged atomic.Int64
	// Unchecked counts objects without a checksum that their content could be
	// held against: indexes of the original have none for multipart objects.
	Unchecked atomic.Int64
	// Sources counts source objects that are still what was archived.
	Sources atomic.Int64
	// Manifests and Rows are accounted for; DamagedManifests have findings.
	Manifests, DamagedManifests, Rows atomic.Int64
}

// Verify yields what does not hold of the archives that places name: index
// against archive, in one reading of each; what opt asks for besides. Archives
// come in the order of places. Memory does not grow with an archive's size,
// and by some 50 bytes for each object of the archives being read.
//
// An error ends it: that of listing a place, or the end of ctx. What cannot be
// read is a finding.
func Verify(ctx context.Context, st Store, places []object.Location, opt VerifyOptions) iter.Seq2[Finding, error] {
	if opt.Progress == nil {
		opt.Progress = &VerifyProgress{}
	}
	v := &verifier{st: st, opt: opt}
	return func(yield func(Finding, error) bool) {
		for f, err := range inOrder(ctx, Sources(ctx, st, places), opt.Archives, v.source) {
			if !yield(f, err) || err != nil {
				return
			}
		}
		for f, err := range v.manifests(ctx, places) {
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

type verifier struct {
	st  Store
	opt VerifyOptions
	// opened, if it is set, is told of each index with its archive.
	opened func(indexed object.Attributes, a Archive)
}

// verified is an object that is archived as its row says.
type verified struct {
	row index.Row
	crc uint64 // CRC-64/NVME of the archived bytes
	// etag is what the source's was; of a multipart object that is in a tar it
	// is the content's MD5 instead.
	etag string
	// checked says that the row has a checksum, which the archived bytes have.
	checked bool
}

// event is a finding, or an object that is as it should be.
type event struct {
	finding *Finding
	object  *verified
}

// source verifies one archive or copy.
func (v *verifier) source(ctx context.Context, s Source) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		bad := false
		events := v.events(ctx, s)
		if !v.opt.Sources {
			for e, err := range events {
				if err != nil {
					yield(Finding{}, err)
					return
				}
				if e.finding == nil {
					continue
				}
				bad = true
				if !yield(*e.finding, nil) {
					return
				}
			}
		} else {
			for f, err := range inOrder(ctx, events, headsAhead, v.compare(s)) {
				if !yield(f, err) || err != nil {
					return
				}
				bad = true
			}
		}
		v.opt.Progress.Archives.Add(1)
		if bad {
			v.opt.Progress.Damaged.Add(1)
		}
	}
}

// headsAhead is how many source objects of one archive are asked for at once.
const headsAhead = 64

// events reads a source and yields findings and objects, in order.
func (v *verifier) events(ctx context.Context, s Source) iter.Seq2[event, error] {
	return func(yield func(event, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		stopped := false
		emit := func(e event) {
			if !stopped && !yield(e, nil) {
				stopped = true
				cancel(errStopped)
			}
		}
		err := v.read(ctx, s, emit)
		switch cause := context.Cause(ctx); {
		case stopped:
		case cause != nil:
			yield(event{}, cause)
		case err != nil:
			f := of(Unreadable, s.Where(), err.Error())
			if isMismatch(err) {
				f.Kind = Damaged
			}
			yield(event{finding: &f}, nil)
		}
	}
}

// read verifies a source. The error says that it cannot be read.
func (v *verifier) read(ctx context.Context, s Source, emit func(event)) error {
	find := func(f Finding) { emit(event{finding: &f}) }
	if s.Index.Key == "" {
		detail := "an archive without an index: its bundle is not finished, or its index is gone"
		if s.Copy {
			detail = "a copy without metadata: its bundle is not finished, or they are gone"
		}
		find(of(NoIndex, s.Where(), detail))
		return nil
	}
	l, err := s.Open(ctx, v.st)
	if err != nil {
		return err
	}
	defer l.Close()
	a, err := s.Find(ctx, v.st, l.Attr, v.opt.AnyETag)
	if fault.KindOf(err) == fault.Read {
		find(of(Replaced, s.Where(), err.Error()))
		a, err = s.Find(ctx, v.st, l.Attr, true)
	}
	if err != nil {
		return err
	}
	if v.opened != nil {
		v.opened(l.Attr, a)
	}
	if a.Copy {
		return v.copy(ctx, l, a, emit)
	}
	return v.walk(ctx, l, a, emit)
}

// walk verifies an archive.
func (v *verifier) walk(ctx context.Context, l *Listing, a Archive, emit func(event)) error {
	find := func(f Finding) { emit(event{finding: &f}) }
	at := l.Source.Where()
	pull, stop := iter.Pull2(l.Rows())
	defer stop()
	t, err := openTape(ctx, v.st, a)
	if err != nil {
		return err
	}
	defer func() { t.Close() }()
	w := &walk{
		archive: a.Object.Location(), tape: t, find: find,
		rows: newRowQueue(pull,
			func(err error) { find(of(BadIndexRow, at, err.Error())) },
			func(row index.Row) { find(about(Twice, at, &row, -1, "the index names it more than once")) }),
		matched: func(row *index.Row, crc uint64, checked bool) { v.matched(row, crc, checked, "", emit) },
	}
	if err := w.run(ctx); !errors.Is(err, errNoMore) {
		return err
	}
	return nil
}

// matched counts an object that is as its row says, and passes it on.
func (v *verifier) matched(row *index.Row, crc uint64, checked bool, etag string, emit func(event)) {
	p := v.opt.Progress
	p.Objects.Add(1)
	p.Bytes.Add(row.Size)
	if !checked {
		p.Unchecked.Add(1)
	}
	emit(event{object: &verified{row: *row, crc: crc, etag: cmp.Or(etag, row.Checksum), checked: checked}})
}
