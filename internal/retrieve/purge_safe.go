package retrieve

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"

	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// safe is an archive that was verified in this run, without a finding.
type safe struct {
	index   object.Attributes
	archive Archive
	seed    maphash.Seed
	rows    []safeRow // in the order of the index
}

// safeRow is what is kept of a verified row until its object is decided upon.
type safeRow struct {
	sum     uint64 // of the row itself
	crc     uint64
	checked bool
	etag    string // of a copy; the rows of archives have their own
}

// findingsKept bounds the findings of one archive: its objects are left alone
// whatever they are.
const findingsKept = 100

// verify reads an archive and its index, whole.
func (p *purger) verify(ctx context.Context, s Source) (*safe, []Finding, error) {
	ok := &safe{seed: maphash.MakeSeed()}
	v := &verifier{st: p.st, opt: VerifyOptions{Progress: &p.opt.Progress.Verified}, opened: func(indexed object.Attributes, a Archive) {
		ok.index, ok.archive = indexed, a
	}}
	var findings []Finding
	for e, err := range v.events(ctx, s) {
		switch {
		case err != nil:
			return nil, nil, err
		case e.finding != nil:
			if len(findings) < findingsKept {
				findings = append(findings, *e.finding)
			}
		default:
			r := safeRow{sum: ok.sum(&e.object.row), crc: e.object.crc, checked: e.object.checked}
			if ok.archive.Copy {
				r.etag = e.object.etag
			}
			ok.rows = append(ok.rows, r)
		}
	}
	p.opt.Progress.Verified.Archives.Add(1)
	return ok, findings, nil
}

func (s *safe) sum(row *index.Row) uint64 { return maphash.Bytes(s.seed, row.Append(nil)) }

// rows reads the index again, and yields the objects as they were verified.
func (p *purger) rows(ctx context.Context, s Source, ok *safe) iter.Seq2[verified, error] {
	return func(yield func(verified, error) bool) {
		err := p.reread(ctx, s, ok, func(v verified) bool { return yield(v, nil) })
		if err != nil {
			yield(verified{}, err)
		}
	}
}

func (p *purger) reread(ctx context.Context, s Source, ok *safe, yield func(verified) bool) error {
	l, err := s.Open(ctx, p.st)
	if err != nil {
		return err
	}
	defer l.Close()
	if l.Attr.ETag != ok.index.ETag {
		return movedOn(s.Where())
	}
	n := 0
	for row, err := range l.Rows() {
		if err != nil {
			return err
		}
		if n%lookEvery == 0 {
			if err := p.still(ctx, s, ok); err != nil {
				return err
			}
		}
		if n == len(ok.rows) || ok.rows[n].sum != ok.sum(&row) {
			return movedOn(s.Where())
		}
		r := ok.rows[n]
		v := verified{row: row, crc: r.crc, checked: r.checked, etag: row.Checksum}
		if r.etag != "" {
			v.etag = r.etag
		}
		if n++; !yield(v) {
			return nil
		}
	}
	return nil
}

// still checks that the archive and its index are there as they were verified.
func (p *purger) still(ctx context.Context, s Source, ok *safe) error {
	for _, o := range []object.Object{ok.archive.Object, {Bucket: s.Index.Bucket, Key: s.Index.Key, ETag: ok.index.ETag}} {
		etag := o.ETag
		o.ETag = ""
		var attr object.Attributes
		err := p.opt.Limiter.Do(ctx, func(ctx context.Context) (err error) {
			attr, err = p.st.Head(ctx, o)
			return err
		})
		if err != nil {
			return fault.As(fault.Download, err)
		}
		if attr.ETag != etag {
			return movedOn(o.Location())
		}
	}
	return nil
}

func movedOn(l object.Location) error {
	return &fault.Error{Kind: fault.Read, Reason: fault.Changed, Op: "purge by", Where: l.String(),
		Err: errors.New("it is not any more what was verified a moment ago"), Hint: "nothing more was deleted: run it again"}
}

// isOwn reports whether an object belongs to archives: it is not to be purged
// because another archive holds it.
func (s *safe) isOwn(l object.Location) bool {
	if l.Bucket != s.archive.Object.Bucket {
		return false
	}
	return isCopy(l.Key) || !isPrefix(l)
}

// proof says whether the object that S3 describes is the one that was
// archived, and if not, what differs.
func (o *verified) proof(attr object.Attributes) (same answer, detail string) {
	if attr.Size == o.row.Size && !attr.LastModified.Equal(o.row.LastModified) {
		return no, fmt.Sprintf("it was written at %s, what was archived at %s", attr.LastModified.Format(index.TimeLayout), o.row.LastModified.Format(index.TimeLayout))
	}
	if o.row.Place != nil || o.etag != o.row.Checksum { // the original told less
		if what := o.differs(attr); what != "" {
			return no, "its " + what + " differ from what was archived"
		}
	}
	if o.checked {
		return o.sameContent(attr)
	}
	// The archived bytes were held against nothing yet: an ETag says nothing
	// about them.
	return (&verified{row: index.Row{Size: o.row.Size}, crc: o.crc}).sameContent(attr)
}

// differs names what S3 keeps besides the content and has changed.
func (o *verified) differs(attr object.Attributes) string {
	headers := make([]object.Pair, 0, len(o.row.Headers))
	for _, h := range o.row.Headers {
		if h.Name != index.StorageClassHeader { // a lifecycle rule may move it
			headers = append(headers, h)
		}
	}
	switch {
	case !samePairs(o.row.Metadata, attr.Metadata):
		return "metadata"
	case !samePairs(headers, attr.Headers):
		return "headers"
	}
	return ""
}

func samePairs(a, b []object.Pair) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
