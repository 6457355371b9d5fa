package catalog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

func source(n int) Source {
	l := object.Location{Bucket: "dst", Key: fmt.Sprintf("archive/%03d.index", n)}
	return Source{Index: l, ETag: fmt.Sprintf("etag-%d", n), Archive: object.Location{Bucket: "dst", Key: fmt.Sprintf("archive/%03d.tar", n)}}
}

// entries makes rows of an index; n of them, chosen by rng.
func entries(rng *rand.Rand, s Source, n int) []Entry {
	words := []string{"logs", "2026", "img", "grüße", "a b", "x,y", "%2F", "", "very-long-element-that-repeats", "app.log.gz", "✓"}
	es := make([]Entry, n)
	for i := range es {
		var parts []string
		for range 1 + rng.IntN(4) {
			parts = append(parts, words[rng.IntN(len(words))])
		}
		es[i] = Entry{
			Bucket: []string{"src1", "src2"}[rng.IntN(2)], Key: strings.Join(parts, "/") + fmt.Sprint(rng.IntN(n*2)),
			Size: rng.Int64N(1 << 40), Source: s,
		}
		if rng.IntN(4) > 0 {
			es[i].LastModified = time.Unix(rng.Int64N(1<<32)-1<<31, 0).UTC()
		}
		if rng.IntN(4) == 0 {
			es[i].VersionID = fmt.Sprintf("v%d", rng.IntN(9))
		}
	}
	return es
}

func yields(es []Entry, err error) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, e := range es {
			if !yield(e, nil) {
				return
			}
		}
		if err != nil {
			yield(Entry{}, err)
		}
	}
}

func found(t *testing.T, path, pattern, prefix string) []Entry {
	t.Helper()
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got []Entry
	last := ""
	for e, err := range c.Find(t.Context(), object.ParsePattern(pattern), prefix) {
		if err != nil {
			t.Fatalf("%q below %q: %v", pattern, prefix, err)
		}
		if e.Key < last {
			t.Errorf("%q comes after %q", e.Key, last)
		}
		last = e.Key
		got = append(got, e)
	}
	return got
}

// sorted gives entries an order of their own.
func sorted(es []Entry) []Entry {
	slices.SortFunc(es, func(a, b Entry) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Bucket, b.Bucket), strings.Compare(a.VersionID, b.VersionID),
			strings.Compare(a.Source.ETag, b.Source.ETag), cmp.Compare(a.Size, b.Size))
	})
	return es
}

var patterns = []struct{ pattern, prefix string }{
	{"*", ""}, {"*", "logs/"}, {"logs/*", "logs/2026"}, {"logs/2026*", "logs/"}, {"img*", "logs/"}, {"*.gz*", ""}, {"*grüße/*✓*", ""},
	{"*that-repeats*1", ""}, {"?*7", ""}, {"none*", ""}, {"*nothing-has-this*", ""}, {"*x,y*", "a"},
}

// TestCatalog makes random changes, and after each holds all searches against
// what a list of the entries says.
func TestCatalog(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	path := filepath.Join(t.TempDir(), "catalogue")
	model := map[int][]Entry{}
	for round := range 21 {
		u, err := Update(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		u.limit = 16 << 10
		for range rng.IntN(4) {
			n := rng.IntN(30)
			u.Remove(source(n))
			delete(model, n)
			if rng.IntN(3) == 0 {
				continue
			}
			es := entries(rng, source(n), rng.IntN(600))
			if rng.IntN(5) == 0 {
				broken := errors.New("broken")
				if err := u.Add(t.Context(), source(n), yields(es, broken)); !errors.Is(err, broken) {
					t.Fatal(err)
				}
				continue
			}
			if err := u.Add(t.Context(), source(n), yields(es, nil)); err != nil {
				t.Fatal(err)
			}
			model[n] = es
		}
		if round%7 == 6 { // what is not committed is lost, or was written before
			if err := u.Close(); err != nil {
				t.Fatal(err)
			}
			model = held2model(t, path, model)
			continue
		}
		if err := u.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
		compare(t, rng, path, model)
	}
	if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
		t.Errorf("there are %v beside the catalogue", names)
	}
}

// held2model is what of a model the file holds, by its list of sources.
func held2model(t *testing.T, path string, model map[int][]Entry) map[int][]Entry {
	t.Helper()
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	kept := map[int][]Entry{}
	for s := range c.Sources() {
		for n := range 30 {
			if s == source(n) {
				kept[n] = sorted(foundIn(t, c, s))
			}
		}
	}
	for n, es := range kept {
		if want, ok := model[n]; ok && len(want) == len(es) && !slices.Equal(sorted(slices.Clone(want)), es) {
			t.Errorf("source %d is neither what it was nor what it is", n)
		}
	}
	return kept
}

func foundIn(t *testing.T, c *Catalog, s Source) (es []Entry) {
	t.Helper()
	for e, err := range c.Find(t.Context(), object.ParsePattern("*"), "") {
		if err != nil {
			t.Fatal(err)
		}
		if e.Source == s {
			es = append(es, e)
		}
	}
	return es
}

func compare(t *testing.T, rng *rand.Rand, path string, model map[int][]Entry) {
	t.Helper()
	var all []Entry
	for _, es := range model {
		all = append(all, es...)
	}
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(slices.Collect(c.Sources())); n != len(model) || c.Rows() != int64(len(all)) {
		t.Errorf("%d sources, %d rows; want %d, %d", n, c.Rows(), len(model), len(all))
	}
	c.Close()
	searches := slices.Clone(patterns)
	for range 5 {
		if len(all) > 0 {
			searches = append(searches, struct{ pattern, prefix string }{all[rng.IntN(len(all))].Key, ""})
		}
	}
	for _, s := range searches {
		p := object.ParsePattern(s.pattern)
		var want []Entry
		for _, e := range all {
			if p.Match(e.Key) && strings.HasPrefix(e.Key, s.prefix) {
				want = append(want, e)
			}
		}
		got := found(t, path, s.pattern, s.prefix)
		if want, got = sorted(want), sorted(got); !slices.Equal(want, got) {
			for i := range min(len(want), len(got)) {
				if want[i] != got[i] {
					t.Errorf("got  %+v\nwant %+v", got[i], want[i])
					break
				}
			}
			t.Fatalf("%q below %q: %d found, want %d", s.pattern, s.prefix, len(got), len(want))
		}
	}
}

func TestSegmentsAreMerged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalogue")
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 60 {
		u, err := Update(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if err := u.Add(t.Context(), source(i), yields(entries(rng, source(i), 100), nil)); err != nil {
			t.Fatal(err)
		}
		if err := u.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(u.root.segments); n >= 2*fanIn {
			t.Errorf("%d segments after %d updates", n, i+1)
		}
		u.Close()
	}
	if got := found(t, path, "*", ""); len(got) != 6000 {
		t.Errorf("%d rows, want 6000", len(got))
	}
}

// TestInterrupted cuts an update off at every step: the head is written last,
// so that with the old head the file is the old catalogue, whatever follows.
func TestInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalogue")
	rng := rand.New(rand.NewPCG(1, 2))
	update := func(n int) []Entry {
		t.Helper()
		u, err := Update(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		es := entries(rng, source(n), 3000)
		if err := u.Add(t.Context(), source(n), yields(es, nil)); err != nil {
			t.Fatal(err)
		}
		if err := u.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		return es
	}
	first := update(1)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	update(2)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(whole[headLength:len(old)], old[headLength:]) {
		t.Fatal("an update has changed what was there")
	}
	for _, size := range []int{len(old), len(old) + 1, (len(old) + len(whole)) / 2, len(whole)} {
		torn := slices.Concat(old[:headLength], whole[headLength:size])
		if err := os.WriteFile(path, torn, 0o666); err != nil {
			t.Fatal(err)
		}
		if got := found(t, path, "*", ""); len(got) != len(first) {
			t.Errorf("cut off at %d: %d rows, want %d", size, len(got), len(first))
		}
		if es := update(3); len(found(t, path, "*", "")) != len(first)+len(es) {
			t.Errorf("cut off at %d, and updated again: %d rows", size, len(found(t, path, "*", "")))
		}
	}
	// A slot half written.
	for at := range slotLength {
		torn := bytes.Clone(whole)
		newest := 1
		if a, _ := decodeSlot(whole[sector:]); a.sequence < 3 {
			newest = 2
		}
		torn[newest*sector+at] ^= 0xFF
		if err := os.WriteFile(path, torn, 0o666); err != nil {
			t.Fatal(err)
		}
		if got := found(t, path, "*", ""); len(got) != len(first) {
			t.Errorf("a slot wrong at %d: %d rows, want %d", at, len(got), len(first))
		}
	}
}

// Until a first Commit, a catalogue tells that it is not finished.
func TestUnfinished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalogue")
	finished := func(when string, want bool) {
		t.Helper()
		c, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if c.Finished() != want {
			t.Errorf("%s: finished %v", when, !want)
		}
	}
	update := func(limit int, commit bool) {
		t.Helper()
		u, err := Update(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		u.limit = limit
		for n := range 3 {
			if err := u.Add(t.Context(), source(n), yields(entries(rand.New(rand.NewPCG(1, 3)), source(n), 2000), nil)); err != nil {
				t.Fatal(err)
			}
		}
		if commit {
			if err := u.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	update(sortBytes, false)
	finished("interrupted", false)
	update(1000, false)
	finished("interrupted after a segment", false)
	if got := found(t, path, "*", ""); len(got) == 0 {
		t.Error("what was in force is lost")
	}
	update(1000, true)
	finished("finished", true)
	update(1000, false)
	finished("interrupted later", true)
	// A catalogue of an earlier version does not tell.
	r, err := decodeRoot([]byte{0, 0, 0})
	if err != nil || r.unfinished {
		t.Errorf("of an earlier version: %v", err)
	}
}

// A bit that flips anywhere is found, or lies where nothing is.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalogue")
	u, err := Update(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	es := entries(rand.New(rand.NewPCG(1, 3)), source(1), 20_000)
	if err := u.Add(t.Context(), source(1), yields(es, nil)); err != nil {
		t.Fatal(err)
	}
	if err := u.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	seg := u.root.segments[0]
	list, err := seg.readList(u.f, u.codec)
	if err != nil {
		t.Fatal(err)
	}
	u.Close()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	stripe := list.stripes[0]
	length := int64(sliceLength(seg.blocks))
	slice := stripe.offset + int64(gramsOf([]string{"repeats"})[0]>>(32-stripe.width))*length
	for _, tt := range []struct {
		what string
		at   int64
	}{
		{"magic", 3}, {"a block", seg.offset + 100}, {"the last block", stripe.offset - 1}, {"the list", seg.list + 20},
		{"a slice", slice}, {"a slice's sum", slice + length - 1},
	} {
		bad := bytes.Clone(good)
		bad[tt.at] ^= 0x08
		if err := os.WriteFile(path, bad, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := searchAll(path); !errors.Is(err, ErrDamaged) || fault.KindOf(err) != fault.Read || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", tt.what, err)
		}
	}
	for _, size := range []int64{0, 100, headLength, seg.offset + 50, seg.list + 5, seg.end() + 3} {
		if err := os.WriteFile(path, good[:size], 0o666); err != nil {
			t.Fatal(err)
		}
		if err := searchAll(path); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut off at %d: %v", size, err)
		}
	}
}

func searchAll(path string) error {
	c, err := Open(path)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, p := range []string{"*", "*repeats*"} {
		for _, err := range c.Find(context.Background(), object.ParsePattern(p), "") {
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, bytes.Repeat([]byte("text\n"), 9999), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Update(t.Context(), other); !errors.Is(err, ErrDamaged) {
		t.Errorf("another file: %v", err)
	}
	if _, err := Update(t.Context(), filepath.Join(dir, "no", "folder")); fault.KindOf(err) != fault.Write {
		t.Errorf("no folder: %v", err)
	}
}

// Two processes do not change a catalogue at once.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalogue")
	u, err := Update(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	cancel(reason)
	if _, err := Update(ctx, path); !errors.Is(err, reason) {
		t.Errorf("while it is locked: %v", err)
	}
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	u, err = Update(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	u.Close()
}

func FuzzDecode(f *testing.F) {
	r := root{buckets: []string{"b"}, sources: []sourceState{{Source: source(1), rows: 3, live: true}}, segments: []segment{{rows: 3, offset: 5, list: 9, listLength: 4, blocks: 1}}}
	f.Add(r.encode())
	r.unfinished = true
	f.Add(r.encode())
	var b blockWriter
	b.add(&row{key: []byte("a/b"), size: 1})
	b.add(&row{key: []byte("a/c"), version: []byte("v"), size: 1 << 40, time: noTime})
	f.Add(b.plain)
	f.Fuzz(func(t *testing.T, plain []byte) {
		if r, err := decodeRoot(plain); err == nil {
			again, err := decodeRoot(r.encode())
			if err != nil || !gocmp.Equal(r, again, gocmp.AllowUnexported(root{}, sourceState{}, segment{})) {
				t.Errorf("a root that is written and read is another: %v", err)
			}
		}
		s := segment{list: 1 << 20, blocks: 2}
		if l, err := s.decodeList(plain); err == nil && (len(l.blocks) != 2 || len(l.stripes) != 1) {
			t.Errorf("a list of %d blocks and %d stripes", len(l.blocks), len(l.stripes))
		}
		var rd blockReader
		rd.reset(plain, blockRows)
		for {
			if ok, err := rd.next(); !ok || err != nil {
				break
			}
		}
	})
}
