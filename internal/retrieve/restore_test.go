package retrieve_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
)

// restored is how a run of restore ended.
type restored struct {
	retrieve.Restored
	letters map[string]fault.Reason // by decoded key
	err     error
	first   error
}

func (w *world) restore(to retrieve.Target, opt retrieve.RestoreOptions, uris ...string) restored {
	w.t.Helper()
	return w.restoreUnder(w.t.Context(), to, opt, uris...)
}

func (w *world) restoreUnder(ctx context.Context, to retrieve.Target, opt retrieve.RestoreOptions, uris ...string) restored {
	w.t.Helper()
	out := restored{letters: map[string]fault.Reason{}}
	opt.DeadLetter = func(d index.DeadLetter) error {
		out.letters[object.DecodeKey(d.Key)] = d.Reason
		return nil
	}
	r := retrieve.NewRestorer(w.s3, to, opt, w.logger())
	out.Restored, out.err = r.Run(ctx, retrieve.Sources(ctx, w.s3, locations(w.t, uris...)))
	out.first = r.FirstError()
	return out
}

// must fails the test unless all was restored.
func (r restored) must(t *testing.T, objects, skipped int) {
	t.Helper()
	if r.err != nil || r.Objects != int64(objects) || r.Skipped != int64(skipped) || len(r.letters) > 0 || r.Failed+r.BadRows > 0 {
		t.Fatalf("%d restored, %d skipped, dead letters %v, %d failed, %d bad rows, %v, first %v; want %d and %d",
			r.Objects, r.Skipped, r.letters, r.Failed, r.BadRows, r.err, r.first, objects, skipped)
	}
}

func toBucket(w *world, uri string) retrieve.Target {
	return retrieve.ToBucket(w.s3, locations(w.t, uri)[0], "")
}

func toFolder(t *testing.T, dir string, escape bool) *retrieve.Folder {
	t.Helper()
	f, err := retrieve.ToFolder(dir, escape)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// kept is what of an object must be as it was.
type kept struct {
	Content  string // its MD5
	Metadata []object.Pair
	Headers  []object.Pair
	Tags     []object.Tag
	Class    string
}

func (w *world) kept(l object.Location) kept {
	w.t.Helper()
	a, err := w.s3.Head(w.t.Context(), object.At(l))
	if err != nil {
		w.t.Error(err)
		return kept{}
	}
	tags, err := w.s3.Tags(w.t.Context(), object.At(l))
	if err != nil {
		w.t.Error(err)
	}
	k := kept{md5of(w.get(l)), a.Metadata, a.Headers, tags, a.StorageClass}
	if len(k.Tags) == 0 {
		k.Tags = nil
	}
	return k
}

func TestRoundTrip(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprintf("compressed %v", compress), func(t *testing.T) {
			w := newWorld(t)
			w.allKinds()
			at := w.bundle(compress)
			w.server.ResetStats()
			w.restore(toBucket(w, "s3://back/"), retrieve.RestoreOptions{}, "s3://dst/archive/").must(t, len(w.keys), 0)
			gets := w.server.Stats().Requests["GetObject"]
			if compress && gets > 20 || !compress && gets > 20 {
				t.Errorf("%d GETs for %d objects: neighbours are not read together", gets, len(w.keys))
			}
			for _, key := range w.keys {
				got, want := w.kept(object.Location{Bucket: "back", Key: key}), w.kept(object.Location{Bucket: "src1", Key: key})
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%q (-source +restored):\n%s", key, d)
				}
			}
			// Once more, with nothing to do.
			w.server.ResetStats()
			w.restore(toBucket(w, "s3://back/"), retrieve.RestoreOptions{}, "s3://dst/archive/").must(t, 0, len(w.keys))
			if st := w.server.Stats().Requests; st["PutObject"]+st["CopyObject"] > 0 {
				t.Errorf("wrote again: %v", st)
			}

			dir := t.TempDir()
			w.restore(toFolder(t, dir, true), retrieve.RestoreOptions{}, "s3://dst/archive/").must(t, len(w.keys), 0)
			files := contentsOf(t, dir)
			for _, key := range w.keys {
				want := w.planted[key]
				path, ok := find(files, md5of(want.Body), want.Modified)
				if !ok && key != "odd/folder/" {
					t.Errorf("%q is not in the folder", key)
				}
				delete(files, path)
			}
			if len(files) != 0 {
				t.Errorf("in the folder are %v, which were never archived", slices.Collect(maps.Keys(files)))
			}
			w.restore(toFolder(t, dir, true), retrieve.RestoreOptions{}, "s3://dst/archive/").must(t, 0, len(w.keys))

			// Without its index the archive still gives content and names.
			if err := w.s3.Delete(t.Context(), object.At(at)); err != nil {
				t.Fatal(err)
			}
			archive := strings.TrimSuffix(at.String(), ".index") + map[bool]string{false: ".tar", true: ".tar.gz"}[compress]
			w.restore(toBucket(w, "s3://back/again/"), retrieve.RestoreOptions{}, archive).must(t, len(w.keys)-2, 0)
			if got := w.get(object.Location{Bucket: "back", Key: "again/odd/with space"}); !bytes.Equal(got, w.planted["odd/with space"].Body) {
				t.Errorf("without the index: %d bytes", len(got))
			}
		})
	}
}

type file struct {
	sum      string
	modified time.Time
}

// contentsOf reads all regular files below dir.
func contentsOf(t *testing.T, dir string) map[string]file {
	t.Helper()
	files := map[string]file{}
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		rel, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = file{md5of(b), info.ModTime().UTC()}
		return err
	}))
	return files
}

func find(files map[string]file, sum string, modified time.Time) (string, bool) {
	for path, f := range files {
		if f.sum == sum && (modified.IsZero() || f.modified.Equal(modified)) {
			return path, true
		}
	}
	return "", false
}

func TestRestoreOriginal(t *testing.T) {
	w := newWorld(t)
	w.original()
	for _, place := range []string{
		"s3://dst/old/c3e7f3/src1/src1-export-2017-03-30T18-06Z-manifest.0.index",
		"s3://dst/old/c4fa0c/src1/src1-export-2017-03-30T18-06Z-manifest.1.tar.gz",
	} {
		prefix := "back/" + filepath.Base(place) + "/"
		w.restore(toBucket(w, "s3://"+prefix), retrieve.RestoreOptions{}, place).must(t, 8, 0)
		for _, e := range w.list(retrieve.Filter{}, place) {
			l := locations(t, "s3://"+prefix+e.Key)[0]
			if got := md5of(w.get(l)); got != e.Row.Checksum {
				t.Errorf("%s: %s, want %s", l, got, e.Row.Checksum)
			}
		}
		got := w.kept(locations(t, "s3://"+prefix+"logs/000/obj-000001.bin")[0])
		if s := fmt.Sprint(got.Metadata, got.Tags); s != "[{note a, b, and c} {owner ada,grace}] [{team search}]" {
			t.Errorf("metadata and tags: %s", s)
		}
	}
	w.restore(toBucket(w, "s3://back/big/"), retrieve.RestoreOptions{}, "s3://dst/old/d7fdd5/src1/bigobjects/big/one.bin").must(t, 1, 0)
	if got := w.get(object.Location{Bucket: "back", Key: "big/big/one.bin"}); len(got) != 5000 {
		t.Errorf("the big object: %d bytes", len(got))
	}
	// All of it: the two archives hold the same objects.
	w.restore(toFolder(t, t.TempDir(), false), retrieve.RestoreOptions{}, "s3://dst/old/").must(t, 9, 8)
}

// Objects larger than what is read into memory are streamed.
func TestRestoreLarge(t *testing.T) {
	for _, compress := range []bool{false, true} {
		w := newWorld(t)
		w.plant("a-small", sandbox.Planted{Body: []byte("small")})
		w.plant("b-large", sandbox.Planted{Generated: &sandbox.Generated{Size: 9<<20 + 17, Seed: 1, Text: true}})
		w.plant("c-small", sandbox.Planted{Body: []byte("small, too")})
		w.plant("d-large", sandbox.Planted{Generated: &sandbox.Generated{Size: 5<<20 + 1, Seed: 2, Text: true}})
		w.plant("e-small", sandbox.Planted{Body: []byte("the last")})
		w.bundleWith(compress, 1<<30)
		w.restore(toBucket(w, "s3://back"), retrieve.RestoreOptions{}, "s3://dst/archive/").must(t, 5, 0)
		dir := t.TempDir()
		w.restore(toFolder(t, dir, false), retrieve.RestoreOptions{}, "s3://dst/archive/").must(t, 5, 0)
		files := contentsOf(t, dir)
		for _, key := range w.keys {
			want := md5of(w.get(object.Location{Bucket: "src1", Key: key}))
			if got := md5of(w.get(object.Location{Bucket: "back", Key: key})); got != want {
				t.Errorf("compressed %v: %s differs in the bucket", compress, key)
			}
			if files[key].sum != want {
				t.Errorf("compressed %v: %s differs in the folder", compress, key)
			}
		}
	}
}

func TestRestoreToAnotherName(t *testing.T) {
	w := newWorld(t)
	w.plant("logs/2026/a", sandbox.Planted{Body: []byte("a")})
	w.plant("logs/2026/b", sandbox.Planted{Body: []byte("b")})
	w.plant("other/c", sandbox.Planted{Body: []byte("c")})
	w.bundle(false)
	r := w.restore(toBucket(w, "s3://back/p/"), retrieve.RestoreOptions{Strip: "logs/", Add: "old/"}, "s3://dst/archive/")
	if r.err != nil || r.Objects != 2 || len(r.letters) != 1 || r.letters["other/c"] != retrieve.BadName {
		t.Fatalf("%+v", r)
	}
	if got := w.get(object.Location{Bucket: "back", Key: "p/old/2026/a"}); string(got) != "a" {
		t.Errorf("a is %q", got)
	}
	// To where they came from.
	for _, k := range []string{"logs/2026/a", "other/c"} {
		if err := w.s3.Delete(t.Context(), object.Object{Bucket: "src1", Key: k}); err != nil {
			t.Fatal(err)
		}
	}
	w.restore(retrieve.ToSource(w.s3, ""), retrieve.RestoreOptions{}, "s3://dst/archive/").must(t, 2, 1)
	if got := w.get(object.Location{Bucket: "src1", Key: "other/c"}); string(got) != "c" {
		t.Errorf("c is %q", got)
	}
	r = w.restore(retrieve.ToBucket(w.s3, object.Location{Bucket: "back", Key: "class/"}, "STANDARD_IA"), retrieve.RestoreOptions{}, "s3://dst/archive/")
	r.must(t, 3, 0)
	if got := w.kept(object.Location{Bucket: "back", Key: "class/other/c"}).Class; got != "STANDARD_IA" {
		t.Errorf("storage class %q", got)
	}
}

func TestExisting(t *testing.T) {
	folder := func(w *world) (retrieve.Target, func(string) string, func(string, string)) {
		dir := t.TempDir()
		get := func(key string) string { b, _ := os.ReadFile(filepath.Join(dir, key)); return string(b) }
		put := func(key, content string) { check(t, os.WriteFile(filepath.Join(dir, key), []byte(content), 0o666)) }
		put("other-file", "")
		return toFolder(t, dir, false), get, put
	}
	bucket := func(w *world) (retrieve.Target, func(string) string, func(string, string)) {
		get := func(key string) string { return string(w.get(object.Location{Bucket: "back", Key: key})) }
		put := func(key, content string) { w.store(object.Location{Bucket: "back", Key: key}, []byte(content)) }
		put("other", "")
		return toBucket(w, "s3://back"), get, put
	}
	for name, target := range map[string]func(*world) (retrieve.Target, func(string) string, func(string, string)){"folder": folder, "bucket": bucket} {
		for _, tt := range []struct {
			how              retrieve.Existing
			objects, skipped int64
			letters          int
			after            string
		}{
			{retrieve.Skip, 1, 1, 1, "xx"},
			{retrieve.Overwrite, 2, 1, 0, "b2"},
			{retrieve.Refuse, 1, 0, 2, "xx"},
		} {
			t.Run(name+" "+string(tt.how), func(t *testing.T) {
				w := newWorld(t)
				for _, k := range []string{"a1", "b2", "c3"} {
					w.plant(k, sandbox.Planted{Body: []byte(k)})
				}
				w.bundle(false)
				to, get, put := target(w)
				put("a1", "a1") // the same
				put("b2", "xx") // another of the same size
				r := w.restore(to, retrieve.RestoreOptions{Existing: tt.how}, "s3://dst/archive/")
				if r.err != nil || r.Objects != tt.objects || r.Skipped != tt.skipped || len(r.letters) != tt.letters {
					t.Errorf("%+v", r)
				}
				for key, reason := range r.letters {
					if reason != retrieve.Exists {
						t.Errorf("%s: %s", key, reason)
					}
				}
				if got := get("a1") + get("b2") + get("c3"); got != "a1"+tt.after+"c3" {
					t.Errorf("there is %q", got)
				}
			})
		}
	}
}

// A bucket that was empty at the start may not be when an object is written.
func TestNothingIsReplacedMeanwhile(t *testing.T) {
	var w *world
	w = newWorldWith(t, sandbox.Options{Before: func(e sandbox.Exchange) {
		if e.Operation == "PutObject" && e.Bucket == "back" {
			_, _, err := w.server.Plant("back", "k", sandbox.Planted{Body: []byte("somebody's")})
			check(t, err)
		}
	}})
	w.plant("k", sandbox.Planted{Body: []byte("ours")})
	w.bundle(false)
	r := w.restore(toBucket(w, "s3://back"), retrieve.RestoreOptions{}, "s3://dst/archive/")
	if r.letters["k"] != retrieve.Exists || string(w.get(object.Location{Bucket: "back", Key: "k"})) != "somebody's" {
		t.Errorf("%+v", r)
	}
}

func TestRestoreOfDamaged(t *testing.T) {
	for _, compress := range []bool{false, true} {
		w := newWorld(t)
		for i := range 20 {
			w.plant(fmt.Sprintf("k%02d", i), sandbox.Planted{Body: bytes.Repeat([]byte{byte(i), 'x', byte(i * 7)}, 1000)})
		}
		at := w.bundle(compress)
		ending := map[bool]string{false: ".tar", true: ".tar.gz"}[compress]
		l := object.Location{Bucket: "dst", Key: strings.TrimSuffix(at.Key, ".index") + ending}
		good := w.get(l)
		bad := bytes.Clone(good)
		bad[len(bad)/2] ^= 0x10
		w.store(l, bad)
		r := w.restore(toBucket(w, "s3://back/a/"), retrieve.RestoreOptions{}, at.String())
		if r.err != nil || r.Failed != 1 || r.Objects != 0 || fault.KindOf(r.first) != fault.Read {
			t.Errorf("compressed %v: another archive: %+v", compress, r)
		}
		r = w.restore(toBucket(w, "s3://back/b/"), retrieve.RestoreOptions{AnyETag: true}, at.String())
		if r.err != nil || r.Objects+int64(len(r.letters)) != 20 || len(r.letters) == 0 {
			t.Errorf("compressed %v: a flipped bit: %+v", compress, r)
		}
		for key, reason := range r.letters {
			if reason != fault.ChecksumMismatch || w.get(object.Location{Bucket: "back", Key: "b/" + key}) != nil {
				t.Errorf("compressed %v: %s: %s", compress, key, reason)
			}
		}
		w.store(l, good[:len(good)/2])
		r = w.restore(toFolder(t, t.TempDir(), false), retrieve.RestoreOptions{AnyETag: true}, at.String())
		if r.err != nil || r.Objects+int64(len(r.letters)) != 20 || len(r.letters) == 0 {
			t.Errorf("compressed %v: truncated: %+v", compress, r)
		}
	}
}

// Under faults of every kind nothing is lost, and a second run finds no more
// to do.
func TestRestoreUnderFaults(t *testing.T) {
	for _, compress := range []bool{false, true} {
		for _, share := range []float64{0.01, 0.2} {
			t.Run(fmt.Sprintf("compressed %v, %g", compress, share), func(t *testing.T) {
				w := newWorld(t)
				w.allKinds()
				w.bundle(compress)
				for i, kind := range []sandbox.Kind{sandbox.SlowDown, sandbox.InternalError, sandbox.CutBody, sandbox.CorruptBody, sandbox.Reset} {
					for _, bucket := range []string{"dst", "back"} {
						w.server.AddFaults(sandbox.Rule{Operation: "GetObject", Bucket: bucket, Probability: share / 2, Seed: uint64(i), Fault: sandbox.Fault{Kind: kind, At: 700}})
						if kind != sandbox.CutBody && kind != sandbox.CorruptBody {
							w.server.AddFaults(sandbox.Rule{Operation: "PutObject", Bucket: bucket, Probability: share / 2, Seed: uint64(i), Fault: sandbox.Fault{Kind: kind}})
						}
					}
				}
				w.server.AddFaults(sandbox.Rule{Operation: "PutObject", Bucket: "back", Probability: share / 2, Fault: sandbox.Fault{Kind: sandbox.LoseAnswer}})
				r := w.restore(toBucket(w, "s3://back"), retrieve.RestoreOptions{}, "s3://dst/archive/")
				for range 5 {
					if r.err == nil && len(r.letters) == 0 && r.Failed == 0 {
						break
					}
					t.Logf("once more: %v, %v", r.err, r.letters)
					r = w.restore(toBucket(w, "s3://back"), retrieve.RestoreOptions{}, "s3://dst/archive/")
				}
				if r.err != nil || len(r.letters) > 0 || r.Failed > 0 || int(r.Objects+r.Skipped) != len(w.keys) {
					t.Errorf("%+v", r)
				}
				w.server.SetFaults()
				for _, key := range w.keys {
					if got := w.get(object.Location{Bucket: "back", Key: key}); !bytes.Equal(got, w.planted[key].Body) {
						t.Errorf("%q: %d bytes", key, len(got))
					}
				}
				if open := w.server.Uploads(); len(open) > 0 {
					t.Errorf("uploads left open: %v", open)
				}
			})
		}
	}
}

func TestRestoreEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	reason := errors.New("enough")
	var puts atomic.Int64
	w := newWorldWith(t, sandbox.Options{Before: func(e sandbox.Exchange) {
		if e.Operation == "PutObject" && e.Bucket == "back" && puts.Add(1) == 5 {
			cancel(reason)
		}
	}})
	w.allKinds()
	w.bundle(true)
	r := w.restoreUnder(ctx, toBucket(w, "s3://back"), retrieve.RestoreOptions{InFlight: 2}, "s3://dst/archive/")
	if !errors.Is(r.err, reason) || len(r.letters) > 0 || int(r.Objects) == len(w.keys) {
		t.Errorf("%+v", r)
	}
	// A bucket that is not there, or not ours, ends the run at once.
	w.server.SetFaults(sandbox.Rule{Operation: "PutObject", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
	r = w.restore(toBucket(w, "s3://back/x/"), retrieve.RestoreOptions{}, "s3://dst/archive/")
	if fault.KindOf(r.err) != fault.Upload || len(r.letters) > 0 {
		t.Errorf("denied: %+v", r)
	}
	w.server.SetFaults()
	r = w.restore(toBucket(w, "s3://none/x/"), retrieve.RestoreOptions{}, "s3://dst/archive/")
	if fault.KindOf(r.err) == 0 || len(r.letters) > 0 || !strings.Contains(r.err.Error(), "s3://none") {
		t.Errorf("no bucket: %+v", r)
	}
}
