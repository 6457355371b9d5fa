package retrieve

import (
	"context"
	"errors"
	"iter"
	"strings"

	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// wanted is an object to restore, and where it goes.
type wanted struct {
	row     index.Row
	archive *Archive
	to      object.Location
	found   presence // there
	over    bool     // replace it
}

// opened is what is read of one source: first its archive, then its rows.
type opened struct {
	source  Source
	archive *Archive // of the first; nil if it has to be waited for
	row     *index.Row
}

// pass restores what can be read now, and notes the sources to wait for.
func (r *Restorer) pass(ctx context.Context, sources iter.Seq2[Source, error], fresh bool) error {
	objects := r.placed(inOrder(ctx, sources, r.opt.Readers, r.open))
	if !fresh {
		objects = inOrder(ctx, objects, r.opt.InFlight, r.look)
	}
	p := planner{start: func(j job) error { return r.start(ctx, j) }}
	for w, err := range objects {
		if err != nil {
			return err
		}
		if err := r.admit(ctx, w, &p); err != nil {
			return err
		}
	}
	return p.flush()
}

// open finds a source's archive and reads its rows.
func (r *Restorer) open(ctx context.Context, s Source) iter.Seq2[opened, error] {
	return func(yield func(opened, error) bool) {
		l, err := s.Open(ctx, r.st)
		if err != nil {
			yield(opened{source: s}, err)
			return
		}
		defer l.Close()
		thaw := r.opt.Thaw
		thaw.Wait = false // not here, where it would hold up all others
		a, err := thaw.findThawed(ctx, r.st, s, l.Attr, r.opt.AnyETag, r.log)
		if fault.ReasonOf(err) == fault.Glacier && r.opt.Thaw.Wait {
			yield(opened{source: s}, nil)
			return
		}
		if err != nil {
			yield(opened{source: s}, err)
			return
		}
		if !yield(opened{source: s, archive: &a}, nil) {
			return
		}
		for row, err := range l.Rows() {
			if !yield(opened{source: s, row: &row}, err) || err != nil && !errors.Is(err, index.ErrRow) {
				return
			}
		}
	}
}

// placed yields the objects that are chosen, with where they go. It ends with
// the first error that is not of one source.
func (r *Restorer) placed(rows iter.Seq2[opened, error]) iter.Seq2[*wanted, error] {
	return func(yield func(*wanted, error) bool) {
		var archive *Archive
		for o, err := range rows {
			switch {
			case err != nil && (o.source.Where().Bucket == "" || fault.KindOf(err) == 0 && fault.ReasonOf(err) == ""):
				yield(nil, err)
				return
			case err != nil:
				r.lost(err)
				continue
			case o.row == nil:
				if archive = o.archive; archive == nil {
					r.cold = append(r.cold, o.source)
				}
				continue
			}
			key := object.DecodeKey(o.row.Key)
			if !r.opt.Filter.Match(o.row, key) {
				continue
			}
			to, err := r.place(o.row, key)
			if errors.Is(err, errTwice) {
				r.Progress.Skipped.Add(1)
				continue
			}
			if err != nil {
				r.letter(context.Background(), o.row, err)
				continue
			}
			if !yield(&wanted{row: *o.row, archive: archive, to: to}, nil) {
				return
			}
		}
	}
}

// place is where an object goes under its new key.
func (r *Restorer) place(row *index.Row, key string) (object.Location, error) {
	rest, ok := strings.CutPrefix(key, r.opt.Strip)
	if !ok {
		return object.Location{}, refuse(BadName, "another key", errors.New("its key does not begin with what --strip takes away"))
	}
	return r.to.place(row, r.opt.Add+rest)
}

// look finds out whether something is there already.
func (r *Restorer) look(ctx context.Context, w *wanted) iter.Seq2[*wanted, error] {
	return func(yield func(*wanted, error) bool) {
		found, err := r.to.look(ctx, w, &r.opt)
		if err != nil && reasonOf(err) != "" && ctx.Err() == nil {
			r.letter(ctx, &w.row, err)
			return
		}
		w.found = found
		yield(w, err)
	}
}

// admit hands an object to the planner, unless it is done with.
func (r *Restorer) admit(ctx context.Context, w *wanted, p *planner) error {
	if r.settled(ctx, w) {
		return context.Cause(ctx)
	}
	w.over = r.opt.Existing == Overwrite
	return p.add(w)
}

// settled reports whether an object is done with because of what is there.
func (r *Restorer) settled(ctx context.Context, w *wanted) bool {
	switch {
	case w.found == nothing, w.found == undecided && r.opt.Existing != Refuse:
		return false
	case w.found == same && r.opt.Existing != Refuse:
		r.Progress.Skipped.Add(1)
		return true
	case r.opt.Existing == Overwrite:
		return false
	}
	err := errExists
	if w.found == unlike {
		err = errUnlike
	}
	r.letter(ctx, &w.row, refuse(Exists, r.to.name(w.to), err))
	return true
}

// decide looks again, when the content is known, at what could not be told from
// the object without it. It reports whether the object is done with.
func (r *Restorer) decide(ctx context.Context, w *wanted) bool {
	var err error
	if w.found, err = r.to.look(ctx, w, &r.opt); err != nil {
		r.finish(ctx, w, err)
		return true
	}
	return r.settled(ctx, w)
}

func isRange(err error) bool { return errors.Is(err, store.ErrRange) }
