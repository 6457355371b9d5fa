package catalog

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// Entry is what the catalogue keeps of one row of an index.
type Entry struct {
	Bucket string
	// Key is the decoded key, as S3 knows it.
	Key       string
	VersionID string
	Size      int64 // bytes
	// LastModified is in UTC and whole seconds; zero if the index does not tell.
	LastModified time.Time
	Source       Source
}

// Catalog is a catalogue as it was when it was opened. It may be used from
// many goroutines.
type Catalog struct {
	f    *os.File
	path string
	root *root
}

// Open opens the catalogue in a file for searching. That there is none yet is
// an error that wraps fs.ErrNotExist. The caller closes it.
func Open(path string) (*Catalog, error) {
	f, err := os.Open(path)
	if err != nil {
		hint := ""
		if errors.Is(err, fs.ErrNotExist) {
			hint = "name the archives too, with --archives, and it will be made"
		}
		return nil, fault.New(fault.Read, "open catalogue", path, err, hint)
	}
	codec, err := newCodec()
	if err == nil {
		var r *root
		if r, err = readRoot(f, codec); err == nil {
			return &Catalog{f: f, path: path, root: r}, nil
		}
	}
	f.Close()
	return nil, fault.New(fault.Read, "open catalogue", path, err, "")
}

// Close ends the use of the file.
func (c *Catalog) Close() error { return c.f.Close() }

// Rows is the number of rows that can be found.
func (c *Catalog) Rows() int64 {
	live, _ := c.root.live()
	return live
}

// Finished reports whether the update that made the catalogue came to its end.
// Of one that did not, some indexes may be in force, and others missing.
func (c *Catalog) Finished() bool { return !c.root.unfinished }

// Sources yields the indexes whose rows can be found.
func (c *Catalog) Sources() iter.Seq[Source] { return c.root.yieldSources }

func (r *root) yieldSources(yield func(Source) bool) {
	for _, s := range r.sources {
		if s.live && !yield(s.Source) {
			return
		}
	}
}

// Find yields the entries whose keys match the pattern, and begin with prefix,
// sorted by key.
func (c *Catalog) Find(ctx context.Context, p object.Pattern, prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := c.find(ctx, p, prefix, yield); err != nil {
			yield(Entry{}, err)
		}
	}
}

func (c *Catalog) find(ctx context.Context, p object.Pattern, prefix string, yield func(Entry, error) bool) error {
	// Of two prefixes one must begin with the other.
	own := p.Prefix()
	if len(own) > len(prefix) {
		own, prefix = prefix, own
	}
	if prefix[:len(own)] != own {
		return nil
	}
	codec, err := newCodec()
	if err != nil {
		return err
	}
	var open []*cursor
	for i := range c.root.segments {
		cur, err := c.search(&c.root.segments[i], codec, p, prefix)
		if err != nil {
			return c.explain(err)
		}
		open = append(open, cur)
	}
	key, exact := p.Key()
	rows := newMerged(open)
	for n := 0; ; n++ {
		if n%blockRows == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r, err := rows.next()
		if err != nil {
			return c.explain(err)
		}
		if r == nil || beginsAfter(r.key, prefix) {
			return nil
		}
		if exact && string(r.key) != key || !exact && !matches(p, prefix, r.key) {
			continue
		}
		e, live, err := c.root.entry(r)
		if err != nil {
			return c.explain(err)
		}
		if live && !yield(e, nil) {
			return nil
		}
	}
}

func matches(p object.Pattern, prefix string, key []byte) bool {
	return len(key) >= len(prefix) && string(key[:len(prefix)]) == prefix && p.MatchBytes(key)
}

// search opens the part of a segment that may hold what is looked for.
func (c *Catalog) search(s *segment, codec *codec, p object.Pattern, prefix string) (*cursor, error) {
	list, err := s.readList(c.f, codec)
	if err != nil {
		return nil, err
	}
	from, to := within(list.blocks, prefix)
	cur := &cursor{f: c.f, codec: codec, blocks: list.blocks[from:to], number: from}
	// In a few blocks it takes no less to look up what they hold.
	if grams := gramsOf(append(p.Literals(), prefix)); len(grams) > 0 && to-from > 4 {
		if cur.skip, err = list.candidates(c.f, grams); err != nil {
			return nil, err
		}
	} else if to-from > 4 {
		cur.ahead = 16
	}
	return cur, nil
}

// entry makes an Entry of a row; live is unset if it does not count.
func (r *root) entry(row *row) (e Entry, live bool, err error) {
	if int(row.source) >= len(r.sources) || int(row.bucket) >= len(r.buckets) {
		return e, false, damaged("a row is of no index")
	}
	s := &r.sources[row.source]
	if !s.live {
		return e, false, nil
	}
	e = Entry{
		Bucket: r.buckets[row.bucket], Key: string(row.key), VersionID: string(row.version), Size: row.size, Source: s.Source,
	}
	if row.time != noTime {
		e.LastModified = time.Unix(row.time, 0).UTC()
	}
	return e, true, nil
}

func (c *Catalog) explain(err error) error {
	return fault.New(fault.Read, "read catalogue", c.path, err, "")
}
