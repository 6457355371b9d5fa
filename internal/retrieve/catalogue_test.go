package retrieve_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
)

// catalogue updates a catalogue and returns what it did.
func (w *world) catalogue(path string, uris ...string) *retrieve.Cataloguer {
	w.t.Helper()
	var c retrieve.Cataloguer
	if err := c.Update(w.t.Context(), w.s3, path, locations(w.t, uris...), 4, w.logger()); err != nil {
		w.t.Fatal(err)
	}
	return &c
}

func (w *world) search(path string, f retrieve.Filter, uris ...string) []retrieve.Entry {
	w.t.Helper()
	var es []retrieve.Entry
	for e, err := range retrieve.Search(w.t.Context(), path, locations(w.t, uris...), f) {
		if err != nil {
			w.t.Fatal(err)
		}
		es = append(es, e)
	}
	return es
}

// A search of the catalogue finds what reading all indexes finds.
func TestCatalogueFindsWhatListingDoes(t *testing.T) {
	w := newWorld(t)
	w.allKinds()
	at := w.bundle(true)
	w.original()
	path := filepath.Join(t.TempDir(), "catalogue")
	c := w.catalogue(path, "s3://dst/archive", "s3://dst/old/")
	if c.Indexes.Load() != 6 || c.Rows.Load() != int64(len(w.keys)+17) {
		t.Errorf("read %d indexes, %d rows; want 6, %d", c.Indexes.Load(), c.Rows.Load(), len(w.keys)+17)
	}
	for _, f := range []retrieve.Filter{
		{},
		{KeyPrefix: "odd/"},
		{Keys: []object.Pattern{object.ParsePattern("special/big"), object.ParsePattern("*.bin"), object.ParsePattern("*obj*")}},
		{Keys: []object.Pattern{object.ParsePattern("logs/*")}, MinSize: 1000, SizeBelow: 9000},
		{Bucket: "none"},
	} {
		want := w.list(f, "s3://dst/archive/", "s3://dst/old/")
		got := w.search(path, f)
		print := func(es []retrieve.Entry) []string {
			var lines []string
			for _, e := range es {
				l, _ := e.Source.Archive()
				lines = append(lines, fmt.Sprintln(e.Row.Bucket, e.Row.Key, e.Key, e.Row.Size, e.Row.LastModified, e.Row.VersionID, e.Source.Where(), l, e.Source.Copy))
			}
			slices.Sort(lines)
			return lines
		}
		if !slices.Equal(print(got), print(want)) {
			t.Errorf("%+v: %d entries, want %d", f, len(got), len(want))
		}
	}
	if got := w.search(path, retrieve.Filter{}, "s3://dst/old"); len(got) != 17 {
		t.Errorf("of one place: %d entries", len(got))
	}
	// What is found can be read, and restored.
	e := w.search(path, retrieve.Filter{Keys: []object.Pattern{object.ParsePattern("special/tagged")}})[0]
	if got, err := w.cat(e.Source.Where().String(), e.Key, retrieve.CatOptions{}); err != nil || len(got) != 300 || e.Source.Where() != at {
		t.Errorf("%d bytes, %v from %s", len(got), err, e.Source.Where())
	}
	f := retrieve.Filter{Keys: []object.Pattern{object.ParsePattern("logs/2026/03/*"), object.ParsePattern("special/big")}}
	r := retrieve.NewRestorer(w.s3, toBucket(w, "s3://back"), retrieve.RestoreOptions{Filter: f}, w.logger())
	w.server.ResetStats()
	result, err := r.Run(t.Context(), retrieve.Holding(retrieve.Search(t.Context(), path, nil, f)))
	if want := int64(len(w.search(path, f))); err != nil || result.Objects != want || want < 10 {
		t.Errorf("restored %+v, %v; want %d", result, err, want)
	}
}

func TestCatalogueIsBroughtUpToDate(t *testing.T) {
	w := newWorld(t)
	w.original()
	path := filepath.Join(t.TempDir(), "catalogue")
	w.catalogue(path, "s3://dst/old/")
	w.server.ResetStats()
	if c := w.catalogue(path, "s3://dst/old/"); c.Total.Load() != 0 || w.server.Stats().Requests["GetObject"] != 0 {
		t.Errorf("with nothing new: %d indexes, %v", c.Total.Load(), w.server.Stats().Requests)
	}
	const one = "old/c3e7f3/src1/src1-export-2017-03-30T18-06Z-manifest.0"
	w.store(object.Location{Bucket: "dst", Key: one + ".index"}, []byte("src1,new,1,,\"e\",,\n"))
	for _, ending := range []string{".index", ".tar.gz"} {
		l := object.Location{Bucket: "dst", Key: "old/c4fa0c/src1/src1-export-2017-03-30T18-06Z-manifest.1" + ending}
		if err := w.s3.Delete(t.Context(), object.At(l)); err != nil {
			t.Fatal(err)
		}
	}
	if c := w.catalogue(path, "s3://dst/old/"); c.Total.Load() != 1 || c.Removed.Load() != 1 {
		t.Errorf("one changed and one gone: read %d, removed %d", c.Total.Load(), c.Removed.Load())
	}
	if got := keysOf(w.search(path, retrieve.Filter{})); !slices.Equal(got, []string{"big/one.bin", "new"}) {
		t.Errorf("found %q", got)
	}
	// Another place leaves this one alone.
	w.store(object.Location{Bucket: "dst", Key: "more/x.index"}, []byte("src1,more,1,,\"e\",,\nnonsense\n"))
	w.store(object.Location{Bucket: "dst", Key: "more/x.tar"}, nil)
	w.store(object.Location{Bucket: "dst", Key: "more/y.index"}, []byte("src1,denied,1,,\"e\",,\n"))
	w.store(object.Location{Bucket: "dst", Key: "more/y.tar"}, nil)
	w.store(object.Location{Bucket: "dst", Key: "more/z.index"}, []byte("src1,last,1,,\"e\",,\n"))
	w.store(object.Location{Bucket: "dst", Key: "more/z.tar"}, nil)
	w.server.SetFaults(sandbox.Rule{Key: "more/y.index", Operation: "GetObject", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
	if c := w.catalogue(path, "s3://dst/more/"); c.BadRows.Load() != 1 || c.Failed.Load() != 1 || c.Indexes.Load() != 2 {
		t.Errorf("%d bad rows, %d failed, %d read", c.BadRows.Load(), c.Failed.Load(), c.Indexes.Load())
	}
	if got := keysOf(w.search(path, retrieve.Filter{})); !slices.Equal(got, []string{"big/one.bin", "last", "more", "new"}) {
		t.Errorf("found %q", got)
	}
	w.server.SetFaults()
	if c := w.catalogue(path, "s3://dst/more/"); c.Indexes.Load() != 1 || c.Failed.Load() != 0 {
		t.Errorf("what failed is not tried again: %d read, %d failed", c.Indexes.Load(), c.Failed.Load())
	}
	if got := keysOf(w.search(path, retrieve.Filter{})); !slices.Contains(got, "denied") {
		t.Errorf("found %q", got)
	}
}

// A place means with a catalogue what it means without.
func TestCatalogueOfOnePlace(t *testing.T) {
	w := newWorld(t)
	w.original()
	w.plant("a", sandbox.Planted{Body: []byte("a")})
	w.plant("big", sandbox.Planted{Generated: &sandbox.Generated{Size: maxSize + 1}})
	at := w.bundle(false).String()
	copied := "s3://dst/archive/" + copyOf(t, w, "big")
	const old = "s3://dst/old/c4fa0c/src1/src1-export-2017-03-30T18-06Z-manifest.1"
	alone := locations(t, "s3://dst/alone.tar")[0]
	w.store(alone, w.get(locations(t, strings.TrimSuffix(at, ".index")+".tar")[0]))
	path := filepath.Join(t.TempDir(), "catalogue")
	for _, places := range [][]string{
		{"s3://dst/archive"}, {at}, {strings.TrimSuffix(at, ".index") + ".tar"}, {old + ".index"}, {old + ".tar.gz"}, {copied}, {copied + ".metadata"},
		{alone.String()}, {at, "s3://dst/old/d7fdd5/"}, {"s3://dst/old", copied},
	} {
		for _, path := range []string{path, filepath.Join(t.TempDir(), "catalogue")} {
			w.catalogue(path, places...)
			want := keysOf(w.list(retrieve.Filter{}, places...))
			if got := keysOf(w.search(path, retrieve.Filter{}, places...)); !slices.Equal(got, want) || len(got) == 0 {
				t.Errorf("%q: found %q, want %q", places, got, want)
			}
			if c := w.catalogue(path, places...); c.Total.Load() != 0 || c.Removed.Load() != 0 {
				t.Errorf("%q: the second time %d are read, and %d removed", places, c.Total.Load(), c.Removed.Load())
			}
			if places[0] == alone.String() {
				r := retrieve.NewRestorer(w.s3, toBucket(w, "s3://back"), retrieve.RestoreOptions{}, w.logger())
				if result, err := r.Run(t.Context(), retrieve.Holding(retrieve.Search(t.Context(), path, locations(t, places...), retrieve.Filter{}))); err != nil || result.Objects+result.Skipped != 1 {
					t.Errorf("an archive alone: restored %+v, %v", result, err)
				}
			}
		}
	}
	// What is gone is taken out, whether or not there is anything left.
	if err := w.s3.Delete(t.Context(), object.At(alone)); err != nil {
		t.Fatal(err)
	}
	var c retrieve.Cataloguer
	err := c.Update(t.Context(), w.s3, path, locations(t, alone.String(), copied, "s3://dst/none/"), 4, w.logger())
	if fault.KindOf(err) != fault.Download || !strings.Contains(err.Error(), "s3://dst/none/") || c.Removed.Load() != 1 || c.Failed.Load() != 1 {
		t.Errorf("nothing there: %v, %d removed, %d failed", err, c.Removed.Load(), c.Failed.Load())
	}
	if got := w.search(path, retrieve.Filter{}, alone.String()); len(got) != 0 {
		t.Errorf("an archive that is gone: found %q", keysOf(got))
	}
}

func TestCatalogueOfAManifestPrefix(t *testing.T) {
	w := newWorld(t)
	w.store(object.Location{Bucket: "dst", Key: "manifests/x.index"}, []byte("src1,k,1\n"))
	path := filepath.Join(t.TempDir(), "catalogue")
	var c retrieve.Cataloguer
	if err := c.Update(t.Context(), w.s3, path, locations(t, "s3://dst/manifests/"), 4, w.logger()); fault.KindOf(err) != fault.Download || c.Total.Load() != 0 {
		t.Errorf("%v, and %d manifests were taken for indexes", err, c.Total.Load())
	}
	err := c.Update(t.Context(), w.s3, path, locations(t, "s3://none/"), 4, w.logger())
	if fault.KindOf(err) != fault.Download || !strings.Contains(err.Error(), "s3://none") {
		t.Errorf("no bucket: %v", err)
	}
	for _, err := range retrieve.Search(t.Context(), filepath.Join(t.TempDir(), "none"), nil, retrieve.Filter{}) {
		if fault.KindOf(err) != fault.Read {
			t.Errorf("no catalogue: %v", err)
		}
		return
	}
	t.Error("no catalogue, and no error")
}
