package catalog

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"math"
	"os"
	"slices"
	"time"

	"s3bundler/internal/fault"
)

// sortBytes is how much an Updater collects in memory before it writes a
// segment.
const sortBytes = 64 << 20

// Updater changes a catalogue. What it has added counts once Commit, or an
// Add long enough to fill its memory, has returned; what is interrupted before
// that is lost, and nothing else. It belongs to one goroutine.
type Updater struct {
	path  string
	f     *os.File
	codec *codec
	root  *root

	buckets map[string]uint32
	sorter  sorter
	limit   int  // of the sorter, in bytes
	dirty   bool // the root differs from that in the file
	adding  int  // the source being read; -1 if none is
}

// Update opens the catalogue in a file for changing, and makes it if there is
// none. Another process that changes it is waited for, until ctx ends. The
// caller closes the Updater.
func Update(ctx context.Context, path string) (*Updater, error) {
	u := &Updater{path: path, limit: sortBytes, adding: -1, buckets: map[string]uint32{}}
	var err error
	if u.codec, err = newCodec(); err == nil {
		if err = u.open(ctx); err == nil {
			return u, nil
		}
	}
	if u.f != nil {
		u.f.Close()
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, u.explain(err)
}

// open locks the file and reads what it holds.
func (u *Updater) open(ctx context.Context) error {
	for {
		f, err := os.OpenFile(u.path, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return err
		}
		u.f = f
		if err := lock(ctx, f); err != nil {
			return err
		}
		// Who held the lock may have put another file in its place.
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if now, err := os.Stat(u.path); err == nil && os.SameFile(info, now) {
			return u.load(info.Size())
		}
		if err := f.Close(); err != nil {
			return err
		}
		u.f = nil
	}
}

func (u *Updater) load(size int64) error {
	if size == 0 {
		return u.create()
	}
	var err error
	if u.root, err = readRoot(u.f, u.codec); err != nil {
		return err
	}
	for i, b := range u.root.buckets {
		u.buckets[b] = uint32(i)
	}
	// What lies beyond was never in force.
	return u.f.Truncate(u.root.end)
}

// create writes the head of a new file.
func (u *Updater) create() error {
	u.root = &root{end: headLength, unfinished: true}
	head := make([]byte, headLength)
	copy(head, magic)
	if _, err := u.f.WriteAt(head, 0); err != nil {
		return err
	}
	return u.commit()
}

// Sources yields the indexes that the catalogue holds. It may not be changed
// meanwhile.
func (u *Updater) Sources() iter.Seq[Source] { return u.root.yieldSources }

// Remove takes out the rows of an index.
func (u *Updater) Remove(s Source) {
	for i := range u.root.sources {
		if have := &u.root.sources[i]; have.live && have.Index == s.Index {
			have.live, u.dirty = false, true
		}
	}
}

// Add puts in the rows of an index. If rows end with an error, Add returns it
// and none of them counts.
func (u *Updater) Add(ctx context.Context, s Source, rows iter.Seq2[Entry, error]) error {
	u.adding = len(u.root.sources)
	u.root.sources = append(u.root.sources, sourceState{Source: s})
	u.dirty = true
	defer func() { u.adding = -1 }()
	for e, err := range rows {
		if err != nil {
			return err
		}
		if err := u.add(ctx, &e); err != nil {
			return u.explain(err)
		}
	}
	u.root.sources[u.adding].live = true
	return nil
}

func (u *Updater) add(ctx context.Context, e *Entry) error {
	if len(e.Key) > math.MaxUint16 || len(e.VersionID) > math.MaxUint16 || e.Size < 0 {
		return nil // no row of S3's
	}
	bucket, ok := u.buckets[e.Bucket]
	if !ok {
		bucket = uint32(len(u.root.buckets))
		u.root.buckets = append(u.root.buckets, e.Bucket)
		u.buckets[e.Bucket] = bucket
	}
	r := row{key: []byte(e.Key), version: []byte(e.VersionID), bucket: bucket, source: uint32(u.adding), size: e.Size, time: noTime}
	if !e.LastModified.IsZero() {
		r.time = e.LastModified.Unix()
	}
	u.sorter.add(&r)
	u.root.sources[u.adding].rows++
	if u.sorter.bytes() < u.limit {
		return nil
	}
	if err := u.flush(ctx); err != nil {
		return err
	}
	return u.commit()
}

// flush writes what was collected as a segment, and merges segments of like
// size where they have become many.
func (u *Updater) flush(ctx context.Context) error {
	if len(u.sorter.rows) == 0 {
		return nil
	}
	u.sorter.sort()
	w := newSegmentWriter(newWriterAt(u.f, u.root.end), u.root.end, u.codec)
	if err := u.sorter.each(w.add); err != nil {
		return err
	}
	u.sorter.reset()
	if err := u.keep(w, len(u.root.segments)); err != nil {
		return err
	}
	for {
		n := like(u.root.segments)
		if n == 0 {
			return nil
		}
		if err := u.merge(ctx, len(u.root.segments)-n); err != nil {
			return err
		}
	}
}

// keep puts the segment that was written in the place of those from number
// from on.
func (u *Updater) keep(w *segmentWriter, from int) error {
	s, err := w.close()
	if err != nil {
		return err
	}
	u.root.segments, u.dirty = u.root.segments[:from:from], true
	if s.rows > 0 {
		u.root.segments, u.root.end = append(u.root.segments, s), s.end()
	}
	return nil
}

// fanIn is how many segments of like size are merged into one.
const fanIn = 16

// like is how many of the last segments are to be merged: fanIn, if none of
// them is much larger than another, or 0.
func like(segments []segment) int {
	if len(segments) < fanIn {
		return 0
	}
	last := segments[len(segments)-fanIn:]
	rows := func(a, b segment) int { return int(min(max(a.rows-b.rows, -1), 1)) }
	if slices.MaxFunc(last, rows).rows > fanIn*slices.MinFunc(last, rows).rows {
		return 0
	}
	return fanIn
}

// merge writes the segments from number from on as one.
func (u *Updater) merge(ctx context.Context, from int) error {
	w := newSegmentWriter(newWriterAt(u.f, u.root.end), u.root.end, u.codec)
	if err := u.copyRows(ctx, u.root.segments[from:], w.add); err != nil {
		return err
	}
	return u.keep(w, from)
}

// copyRows reads the rows of segments in order, but for those that don't count.
func (u *Updater) copyRows(ctx context.Context, segments []segment, add func(*row) error) error {
	var cs []*cursor
	for i := range segments {
		list, err := segments[i].readList(u.f, u.codec)
		if err != nil {
			return err
		}
		cs = append(cs, &cursor{f: u.f, codec: u.codec, blocks: list.blocks, ahead: 16})
	}
	rows := newMerged(cs)
	for n := 0; ; n++ {
		if n%blockRows == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r, err := rows.next()
		if err != nil || r == nil {
			return err
		}
		if int(r.source) >= len(u.root.sources) {
			return damaged("a row is of no index")
		}
		if u.root.sources[r.source].live || int(r.source) == u.adding {
			if err := add(r); err != nil {
				return err
			}
		}
	}
}

// Commit puts all changes in force, and tidies up where that is worth its
// time.
func (u *Updater) Commit(ctx context.Context) error {
	err := u.flush(ctx)
	if u.root.unfinished {
		u.root.unfinished, u.dirty = false, true
	}
	if err == nil && u.wasteful() {
		err = u.rewrite(ctx)
	}
	if err == nil && u.dirty {
		err = u.commit()
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return u.explain(err)
}

// wasteful reports whether half of the file, or of its rows, does not count.
func (u *Updater) wasteful() bool {
	used := int64(headLength)
	for _, s := range u.root.segments {
		used += s.end() - s.offset
	}
	live, dead := u.root.live()
	return u.root.end > 2*used+1<<20 || dead > live+blockRows
}

// commit writes the root, and then where it is.
func (u *Updater) commit() error {
	sealed := u.codec.seal(nil, u.root.encode())
	if _, err := u.f.WriteAt(sealed, u.root.end); err != nil {
		return err
	}
	if err := u.f.Sync(); err != nil {
		return err
	}
	next := slot{u.root.sequence + 1, uint64(u.root.end), uint64(len(sealed))}
	if _, err := u.f.WriteAt(next.encode(), int64(1+next.sequence%2)*sector); err != nil {
		return err
	}
	if err := u.f.Sync(); err != nil {
		return err
	}
	u.root.sequence, u.root.end, u.dirty = next.sequence, u.root.end+int64(len(sealed)), false
	return nil
}

// rewrite writes what counts into a new file, and puts it in the place of the
// old one.
func (u *Updater) rewrite(ctx context.Context) (err error) {
	name := u.path + ".new"
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			err = errors.Join(err, os.Remove(name))
		}
	}()
	if err := lock(ctx, f); err != nil {
		return err
	}
	fresh := &Updater{path: u.path, f: f, codec: u.codec, limit: u.limit, adding: -1}
	if err := fresh.create(); err != nil {
		return err
	}
	fresh.root.buckets, fresh.root.unfinished = u.root.buckets, false
	number := make([]uint32, len(u.root.sources))
	for i, s := range u.root.sources {
		if s.live {
			number[i] = uint32(len(fresh.root.sources))
			fresh.root.sources = append(fresh.root.sources, s)
		}
	}
	w := newSegmentWriter(newWriterAt(f, fresh.root.end), fresh.root.end, u.codec)
	renumbered := func(r *row) error {
		copied := *r
		copied.source = number[r.source]
		return w.add(&copied)
	}
	if err := u.copyRows(ctx, u.root.segments, renumbered); err != nil {
		return err
	}
	if err := fresh.keep(w, 0); err != nil {
		return err
	}
	if err := fresh.commit(); err != nil {
		return err
	}
	if err := os.Rename(name, u.path); err != nil {
		return err
	}
	old := u.f
	u.f, u.root, u.dirty = f, fresh.root, false
	return old.Close()
}

// Close ends the use of the file. What was not committed is given up.
func (u *Updater) Close() error { return u.f.Close() }

func (u *Updater) explain(err error) error {
	if err == nil || fault.KindOf(err) != 0 {
		return err
	}
	kind := fault.Write
	hint := ""
	if errors.Is(err, ErrDamaged) {
		kind = fault.Read
	}
	if errors.Is(err, fs.ErrPermission) {
		hint = "name another file with --catalog"
	}
	return fault.New(kind, "update catalogue", u.path, err, hint)
}

// pollLock is how often a lock that is held is tried again.
const pollLock = 100 * time.Millisecond

// writerAt writes to a file from an offset on.
type writerAt struct {
	f  *os.File
	at int64
}

func newWriterAt(f *os.File, at int64) *writerAt { return &writerAt{f, at} }

func (w *writerAt) Write(p []byte) (int, error) {
	n, err := w.f.WriteAt(p, w.at)
	w.at += int64(n)
	return n, err
}
