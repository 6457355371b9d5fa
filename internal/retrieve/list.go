package retrieve

import (
	"context"
	"errors"
	"iter"

	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// Entry is a row with where it was found.
type Entry struct {
	Row index.Row
	// Key is the decoded key, as S3 knows it.
	Key    string
	Source Source
}

// DefaultReaders is how many indexes are read at once.
const DefaultReaders = 16

// List yields the entries of sources that the filter chooses, in the order of
// the sources and of their rows, and reads so many sources at once. An error
// that wraps index.ErrRow is of one line, any other of one source: its other
// rows are missing, and the next source follows. An error of sources itself,
// or the end of ctx, ends it.
func List(ctx context.Context, st Store, sources iter.Seq2[Source, error], f Filter, readers int) iter.Seq2[Entry, error] {
	return inOrder(ctx, sources, readers, func(ctx context.Context, s Source) iter.Seq2[Entry, error] {
		return func(yield func(Entry, error) bool) {
			l, err := s.Open(ctx, st)
			if err != nil {
				yield(Entry{Source: s}, err)
				return
			}
			defer l.Close()
			for row, err := range l.Rows() {
				e := Entry{Row: row, Source: s}
				if err == nil {
					e.Key = object.DecodeKey(row.Key)
					if !f.Match(&e.Row, e.Key) {
						continue
					}
				}
				if !yield(e, err) || err != nil && !errors.Is(err, index.ErrRow) {
					return
				}
			}
		}
	})
}
