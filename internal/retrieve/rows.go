package retrieve

import (
	"context"
	"errors"
	"io"
	"iter"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// Listing is the rows of a source, with what its index says of itself.
type Listing struct {
	Source Source
	// Attr are the attributes of the index; zero for an archive alone.
	Attr object.Attributes

	ctx  context.Context
	st   store.Reader
	body io.ReadCloser
}

// Open begins to read the rows of a source. The caller closes the Listing.
func (s Source) Open(ctx context.Context, st store.Reader) (*Listing, error) {
	if err := s.whole(); err != nil {
		return nil, err
	}
	l := &Listing{Source: s, ctx: ctx, st: st}
	if s.Index.Key == "" {
		return l, nil
	}
	var err error
	l.body, l.Attr, err = fetch.Stream(ctx, st, s.Index)
	return l, fault.As(fault.Download, err)
}

// Close ends the reading.
func (l *Listing) Close() error {
	if l.body == nil {
		return nil
	}
	return l.body.Close()
}

// Rows yields the rows in the archive's order; it can be called once. A line
// that is no row yields an error that wraps index.ErrRow, and reading goes on;
// any other error ends it.
func (l *Listing) Rows() iter.Seq2[index.Row, error] {
	if l.body == nil {
		return l.members()
	}
	return func(yield func(index.Row, error) bool) {
		for row, err := range index.Read(l.body) {
			if err != nil {
				err = l.explain(err)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// explain says where an index cannot be read.
func (l *Listing) explain(err error) error {
	where := l.Source.Where().String()
	if errors.Is(err, index.ErrRow) {
		return fault.New(fault.Read, "read", where, err, "")
	}
	if fault.KindOf(err) == 0 && fault.ReasonOf(err) == "" {
		return err // the end of the context
	}
	return fault.As(fault.Download, err)
}

// members lists an archive that has no index.
func (l *Listing) members() iter.Seq2[index.Row, error] {
	return func(yield func(index.Row, error) bool) {
		a, err := l.Source.Find(l.ctx, l.st, l.Attr, true)
		if err != nil {
			yield(index.Row{}, err)
			return
		}
		for m, err := range a.members(l.ctx, l.st) {
			if err != nil {
				yield(index.Row{}, err)
				return
			}
			if !yield(m.row(), nil) {
				return
			}
		}
	}
}
