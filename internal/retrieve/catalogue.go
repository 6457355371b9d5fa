package retrieve

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"s3bundler/internal/catalog"
	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/layout"
	"s3bundler/internal/object"
)

// Cataloguer brings a catalogue up to date. Its counters may be read at any
// time.
type Cataloguer struct {
	// Indexes of Total that are new or changed are read so far; Rows of them
	// are in the catalogue, BadRows are none. Removed indexes are not there any
	// more, Failed ones could not be read and are tried again the next time.
	Indexes, Total, Rows, BadRows, Removed, Failed atomic.Int64
}

// Update looks for the indexes that places name, reads those that the
// catalogue in the file at path does not have as they are now, and takes out
// those that are gone. It makes the file if there is none. That there is
// nothing below a prefix is an error in the end, when all else is done.
func (c *Cataloguer) Update(ctx context.Context, st Store, path string, places []object.Location, readers int, log *slog.Logger) (err error) {
	u, err := catalog.Update(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.Close()) }()
	todo, nothing, err := c.compare(ctx, st, u, places, log)
	if err != nil {
		return err
	}
	if nothing != nil && len(todo) == 0 && c.Removed.Load() == 0 {
		return nothing // a new catalogue is not finished with this
	}
	c.Total.Store(int64(len(todo)))
	if err := c.read(ctx, st, u, todo, readers, log); err != nil {
		return err
	}
	if err := u.Commit(ctx); err != nil {
		return err
	}
	return nothing
}

// compare removes what is gone or changed, and returns what is to be read.
// nothing is the error of the first place at which there is nothing.
func (c *Cataloguer) compare(ctx context.Context, st Store, u *catalog.Updater, places []object.Location, log *slog.Logger) (todo []Source, nothing, err error) {
	known := map[object.Location]catalog.Source{}
	named := namedBy(places)
	for s := range u.Sources() {
		if named(&s) {
			known[s.Index] = s
		}
	}
	seen := map[object.Location]bool{} // places may have some in common
	for _, l := range places {
		for s, err := range at(ctx, st, l) {
			if errors.Is(err, errNothing) {
				nothing = cmp.Or(nothing, err)
				continue
			}
			if err != nil {
				return nil, nil, err
			}
			at := s.Where()
			if seen[at] {
				continue
			}
			seen[at] = true
			if err = s.whole(); err == nil && !isPrefix(l) {
				s, err = s.pin(ctx, st)
			}
			if err != nil {
				if ctx.Err() != nil {
					return nil, nil, context.Cause(ctx)
				}
				if fault.ReasonOf(err) != fault.NoSuchKey {
					delete(known, at) // it may be as it was
				}
				c.lost(s, err, log)
				continue
			}
			have, ok := known[at]
			delete(known, at)
			if ok && have == catalogued(s) {
				continue
			}
			if ok {
				u.Remove(have)
			}
			todo = append(todo, s)
		}
	}
	for _, s := range known {
		u.Remove(s)
		c.Removed.Add(1)
	}
	return todo, nothing, nil
}

// namedBy returns a function that tells whether places name a source.
func namedBy(places []object.Location) func(*catalog.Source) bool {
	var prefixes []object.Location
	named := map[object.Location]bool{}
	for _, l := range places {
		if isPrefix(l) {
			if l.Key != "" && !strings.HasSuffix(l.Key, "/") {
				l.Key += "/"
			}
			prefixes = append(prefixes, l)
			continue
		}
		named[l] = true
		switch { // it may be what the index lists
		case isCopy(l.Key):
			named[layout.BigObjectMetadata(l)] = true
		case isArchive(l.Key):
			named[object.Location{Bucket: l.Bucket, Key: stemOf(l.Key) + indexEnding}] = true
		}
	}
	return func(s *catalog.Source) bool {
		return named[s.Index] || slices.ContainsFunc(prefixes, func(l object.Location) bool {
			return s.Index.Bucket == l.Bucket && strings.HasPrefix(s.Index.Key, l.Key)
		})
	}
}

// catalogued is what the catalogue keeps of a source. An archive without an
// index is its own.
func catalogued(s Source) catalog.Source {
	c := catalog.Source{Index: s.Where(), ETag: s.Index.ETag, Copy: s.Copy}
	if l, ok := s.Archive(); ok {
		c.Archive = l
	}
	if s.Index.Key == "" {
		c.ETag = s.Data[0].ETag
	}
	return c
}

// step is what is read of one source: that it begins, then rows or errors.
type step struct {
	begins               *Source
	bucket, key, version string
	size                 int64
	modified             time.Time
}

// read adds the rows of sources, many of which are read at once.
func (c *Cataloguer) read(ctx context.Context, st Store, u *catalog.Updater, todo []Source, readers int, log *slog.Logger) error {
	tasks := func(yield func(Source, error) bool) {
		for _, s := range todo {
			if !yield(s, nil) {
				return
			}
		}
	}
	next, stop := iter.Pull2(inOrder(ctx, tasks, readers, func(ctx context.Context, s Source) iter.Seq2[step, error] {
		return func(yield func(step, error) bool) {
			if yield(step{begins: &s}, nil) {
				steps(ctx, st, s, yield)
			}
		}
	}))
	defer stop()
	s, err, ok := next()
	for ok && err == nil {
		source := *s.begins
		rows := func(yield func(catalog.Entry, error) bool) {
			for s, err, ok = next(); ok && s.begins == nil; s, err, ok = next() {
				if errors.Is(err, index.ErrRow) {
					c.BadRows.Add(1)
					log.Error("not in the catalogue", "err", err)
					err = nil
					continue
				}
				e := catalog.Entry{Bucket: s.bucket, Key: s.key, VersionID: s.version, Size: s.size, LastModified: s.modified}
				if !yield(e, err) || err != nil {
					return
				}
				c.Rows.Add(1)
			}
		}
		if failed := u.Add(ctx, catalogued(source), rows); failed != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err == nil || fault.KindOf(err) == 0 {
				return failed // of the catalogue
			}
			c.lost(source, failed, log)
			s, err, ok = next()
			continue
		}
		c.Indexes.Add(1)
	}
	return err
}

// lost counts a source that cannot be read.
func (c *Cataloguer) lost(s Source, err error, log *slog.Logger) {
	c.Failed.Add(1)
	log.Error("not in the catalogue: "+s.Where().String(), "err", err)
}

// steps yields the rows of a source.
func steps(ctx context.Context, st Store, s Source, yield func(step, error) bool) {
	l, err := s.Open(ctx, st)
	if err != nil {
		yield(step{}, err)
		return
	}
	defer l.Close()
	for row, err := range l.Rows() {
		r := step{bucket: row.Bucket, version: row.VersionID, size: row.Size, modified: row.LastModified}
		if err == nil {
			r.key = object.DecodeKey(row.Key)
		}
		if !yield(r, err) || err != nil && !errors.Is(err, index.ErrRow) {
			return
		}
	}
}

// Search yields the entries that the catalogue in the file at path holds, of
// the sources that places name, or of all if there are none. Of the rows it has what
// it keeps: bucket, key, size, version and time. Entries come sorted by key
// for each of the filter's patterns. That the catalogue was never finished is
// an error in the end.
func Search(ctx context.Context, path string, places []object.Location, f Filter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		c, err := catalog.Open(path)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer c.Close()
		named := namedBy(places)
		patterns := f.Keys
		if len(patterns) == 0 {
			patterns = []object.Pattern{object.ParsePattern("*")}
		}
		for i, p := range patterns {
			for e, err := range c.Find(ctx, p, f.KeyPrefix) {
				if err != nil {
					yield(Entry{}, err)
					return
				}
				found := entryOf(e)
				switch {
				case !f.Match(&found.Row, e.Key),
					len(places) > 0 && !named(&e.Source),
					slices.ContainsFunc(patterns[:i], func(p object.Pattern) bool { return p.Match(e.Key) }): // found before
					continue
				}
				if !yield(found, nil) {
					return
				}
			}
		}
		if !c.Finished() {
			yield(Entry{}, fault.New(fault.Read, "search catalogue", path, errors.New("it was never finished, so that objects may be missing from it"),
				"name the archives too, with --archives, and it will be"))
		}
	}
}

// entryOf makes an Entry of the catalogue's.
func entryOf(e catalog.Entry) Entry {
	s := Source{Index: object.At(e.Source.Index), Copy: e.Source.Copy}
	s.Index.ETag = e.Source.ETag
	if e.Source.Archive.Key != "" {
		s.Data = []object.Object{object.At(e.Source.Archive)}
	}
	if e.Source.Archive == e.Source.Index {
		s.Index = object.Object{}
	}
	row := index.Row{Bucket: e.Bucket, Key: object.EncodeKey(e.Key), Size: e.Size, LastModified: e.LastModified, VersionID: e.VersionID}
	return Entry{Row: row, Key: e.Key, Source: s}
}

// Holding yields the sources of entries, each once.
func Holding(entries iter.Seq2[Entry, error]) iter.Seq2[Source, error] {
	return func(yield func(Source, error) bool) {
		seen := map[object.Location]bool{}
		for e, err := range entries {
			if err != nil {
				yield(Source{}, err)
				return
			}
			if at := e.Source.Where(); !seen[at] {
				seen[at] = true
				if !yield(e.Source, nil) {
					return
				}
			}
		}
	}
}
