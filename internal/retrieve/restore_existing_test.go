package retrieve_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
)

const (
	skip      = retrieve.Skip
	overwrite = retrieve.Overwrite
)

// onlyExists fails the test unless just these keys are dead letters, because of
// what is there.
func (r restored) onlyExists(t *testing.T, keys ...string) {
	t.Helper()
	for key, reason := range r.letters {
		if reason != retrieve.Exists {
			t.Errorf("%q: %s", key, reason)
		}
	}
	if got := slices.Sorted(maps.Keys(r.letters)); r.err != nil || !slices.Equal(got, keys) {
		t.Errorf("dead letters %q, %v, want %q", got, r.err, keys)
	}
}

// replaced plants over an object one that S3 knows no checksum of that an index
// has: a multipart upload with CRC32.
func (w *world) replaced(bucket, key string, p sandbox.Planted) {
	w.t.Helper()
	p.Checksum, p.PartSize = "CRC32", 5<<20
	if _, _, err := w.server.Plant(bucket, key, p); err != nil {
		w.t.Fatal(err)
	}
}

// Where no checksum of an object in the target can be held against the row's,
// its content is.
func TestOtherChecksums(t *testing.T) {
	a, b := bytes.Repeat([]byte("A"), 6_000_000), bytes.Repeat([]byte("B"), 6_000_000)
	at := object.Location{Bucket: "src1", Key: "k"}
	for _, tt := range []struct {
		how              retrieve.Existing
		there            []byte
		objects, skipped int64
		letters          []string
		after            []byte
	}{
		{skip, b, 0, 0, []string{"k"}, b},
		{overwrite, b, 1, 0, nil, a},
		{skip, a, 0, 1, nil, a},
		{overwrite, a, 0, 1, nil, a},
	} {
		w := newWorld(t)
		w.plant("k", sandbox.Planted{Body: a})
		w.bundleWith(false, 1<<30)
		w.replaced("src1", "k", sandbox.Planted{Body: tt.there})
		r := w.restore(retrieve.ToSource(w.s3, ""), retrieve.RestoreOptions{Existing: tt.how}, "s3://dst/archive/")
		r.onlyExists(t, tt.letters...)
		if r.Objects != tt.objects || r.Skipped != tt.skipped {
			t.Errorf("%s, %.1s there: %+v", tt.how, tt.there, r)
		}
		if got := w.get(at); !bytes.Equal(got, tt.after) {
			t.Errorf("%s, %.1s there: there is %.1s", tt.how, tt.there, got)
		}
	}
}

// An archive without its index has no checksums: whether an object is there
// already is told by its content in the archive.
func TestWithoutChecksums(t *testing.T) {
	for _, compress := range []bool{false, true} {
		w := newWorld(t)
		w.plant("a-small", sandbox.Planted{Body: []byte("small")})
		w.plant("b-large", sandbox.Planted{Generated: &sandbox.Generated{Size: 9<<20 + 17, Seed: 1, Text: true}})
		w.plant("c-small", sandbox.Planted{Body: []byte("again")})
		at := w.bundleWith(compress, 1<<30)
		check(t, w.s3.Delete(t.Context(), object.At(at)))
		archive := strings.TrimSuffix(at.String(), ".index") + map[bool]string{false: ".tar", true: ".tar.gz"}[compress]
		restore := func(how retrieve.Existing) restored {
			return w.restore(toBucket(w, "s3://back"), retrieve.RestoreOptions{Existing: how}, archive)
		}
		restore(skip).must(t, 3, 0)
		for _, how := range []retrieve.Existing{skip, overwrite} {
			w.server.ResetStats()
			restore(how).must(t, 0, 3)
			if n := w.server.Stats().Requests["PutObject"] + w.server.Stats().Requests["UploadPart"]; n > 0 {
				t.Errorf("compressed %v, %s: wrote again", compress, how)
			}
		}
		for _, key := range []string{"a-small", "b-large"} {
			size := len(w.get(object.Location{Bucket: "back", Key: key}))
			w.store(object.Location{Bucket: "back", Key: key}, bytes.Repeat([]byte("x"), size))
		}
		restore(skip).onlyExists(t, "a-small", "b-large")
		restore(overwrite).must(t, 2, 1)
		for _, key := range w.keys {
			if !bytes.Equal(w.get(object.Location{Bucket: "back", Key: key}), w.get(object.Location{Bucket: "src1", Key: key})) {
				t.Errorf("compressed %v: %s differs", compress, key)
			}
		}
	}
}

// The row of a big object may have no checksum of its content: then that of its
// copy counts, and at last its content.
func TestBigObjectsWithoutChecksums(t *testing.T) {
	const size = 6 << 20
	w := newWorld(t)
	w.plant("big", sandbox.Planted{Generated: &sandbox.Generated{Size: size, Seed: 1}, PartSize: 5 << 20, Checksum: "CRC32"})
	w.bundle(false)
	at := object.Location{Bucket: "back", Key: "big"}
	restore := func(how retrieve.Existing) restored {
		return w.restore(toBucket(w, "s3://back"), retrieve.RestoreOptions{Existing: how}, "s3://dst/archive/")
	}
	restore(skip).must(t, 1, 0)
	restore(skip).must(t, 0, 1)
	restore(overwrite).must(t, 0, 1)
	for _, checksum := range []string{"CRC32", "SHA256", "none"} {
		plant := func(seed uint64) {
			_, _, err := w.server.Plant("back", "big", sandbox.Planted{Generated: &sandbox.Generated{Size: size, Seed: seed}, PartSize: 3 << 20, Checksum: checksum})
			check(t, err)
		}
		plant(1)
		restore(skip).must(t, 0, 1)
		plant(2)
		restore(skip).onlyExists(t, "big")
		restore(overwrite).must(t, 1, 0)
		if !bytes.Equal(w.get(at), w.get(object.Location{Bucket: "src1", Key: "big"})) {
			t.Errorf("%s: another object is there", checksum)
		}
	}
}

// The same content with other metadata is another object.
func TestOtherMetadata(t *testing.T) {
	planted := func() sandbox.Planted {
		return sandbox.Planted{Body: []byte("content"), Metadata: map[string]string{"owner": "ada, grace", "unit": "50%"}, Tags: map[string]string{"team": "search", "a": "b"},
			Headers: map[string]string{"Content-Type": "text/x-one", "Cache-Control": "no-store"}}
	}
	changes := map[string]func(*sandbox.Planted){
		"metadata changed": func(p *sandbox.Planted) { p.Metadata["owner"] = "eve" },
		"metadata missing": func(p *sandbox.Planted) { p.Metadata = nil },
		"metadata more":    func(p *sandbox.Planted) { p.Metadata["more"] = "" },
		"type":             func(p *sandbox.Planted) { p.Headers["Content-Type"] = "text/x-two" },
		"header missing":   func(p *sandbox.Planted) { delete(p.Headers, "Cache-Control") },
		"header more":      func(p *sandbox.Planted) { p.Headers["Content-Encoding"] = "gzip" },
		"tag changed":      func(p *sandbox.Planted) { p.Tags["a"] = "c" },
		"tags missing":     func(p *sandbox.Planted) { p.Tags = nil },
		"class":            func(p *sandbox.Planted) { p.StorageClass = "STANDARD_IA" },
	}
	for _, maxSize := range []object.ByteSize{1 << 30, 3} { // in the archive, and as a big object beside it
		w := newWorld(t)
		var notSkipped []string
		for _, key := range slices.Sorted(maps.Keys(changes)) {
			w.plant(key, planted())
			if key != "class" && !strings.HasPrefix(key, "tag") {
				notSkipped = append(notSkipped, key)
			}
		}
		w.plant("nothing", sandbox.Planted{Body: []byte("plain")})
		w.bundleWith(false, maxSize)
		restore := func(how retrieve.Existing) restored {
			return w.restore(toBucket(w, "s3://back"), retrieve.RestoreOptions{Existing: how}, "s3://dst/archive/")
		}
		n := len(w.keys)
		restore(skip).must(t, n, 0)
		restore(skip).must(t, 0, n)
		restore(overwrite).must(t, 0, n)
		for key, change := range changes {
			p := planted()
			change(&p)
			_, _, err := w.server.Plant("back", key, p)
			check(t, err)
		}
		// Tags are looked at only where an object may be replaced for them.
		w.server.ResetStats()
		r := restore(skip)
		r.onlyExists(t, notSkipped...)
		if r.first == nil || !strings.Contains(r.first.Error(), "other metadata") {
			t.Errorf("the first error: %v", r.first)
		}
		if n := w.server.Stats().Requests["GetObjectTagging"]; n > 0 {
			t.Errorf("%d requests for tags", n)
		}
		restore(overwrite).must(t, len(notSkipped)+2, n-len(notSkipped)-2)
		for _, key := range w.keys {
			want, got := w.kept(object.Location{Bucket: "src1", Key: key}), w.kept(object.Location{Bucket: "back", Key: key})
			if want.Class = got.Class; key != "class" && got.Class != "" {
				t.Errorf("%q is in class %s", key, got.Class)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%q (-source +restored):\n%s", key, d)
			}
		}
		restore(overwrite).must(t, 0, n)

		// Tags that may not be read are given again, and cost no dead letter.
		w.server.AddFaults(sandbox.Rule{Operation: "GetObjectTagging", Bucket: "back", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
		restore(overwrite).must(t, n-1, 1)
	}
}

// The original's indexes tell nothing of headers: an object that has some is
// the same, and keeps them.
func TestHeadersThatAreNotKnown(t *testing.T) {
	w := newWorld(t)
	w.original()
	const index = "s3://dst/old/c3e7f3/src1/src1-export-2017-03-30T18-06Z-manifest.0.index"
	w.restore(toBucket(w, "s3://back"), retrieve.RestoreOptions{}, index).must(t, 8, 0)
	const key = "logs/000/obj-000001.bin"
	body := w.get(object.Location{Bucket: "back", Key: key})
	for _, tt := range []struct {
		owner            string
		objects, skipped int
	}{{"ada,grace", 0, 8}, {"eve", 1, 7}} {
		_, _, err := w.server.Plant("back", key, sandbox.Planted{Body: body, Tags: map[string]string{"team": "search"},
			Metadata: map[string]string{"note": "a, b, and c", "owner": tt.owner}, Headers: map[string]string{"Content-Type": "text/plain"}})
		check(t, err)
		w.restore(toBucket(w, "s3://back"), retrieve.RestoreOptions{Existing: overwrite}, index).must(t, tt.objects, tt.skipped)
	}
}

// A file that has the size and the time of an object may still be damaged: it
// is found to be where it could be replaced.
func TestDamagedFiles(t *testing.T) {
	w := newWorld(t)
	for _, key := range []string{"a", "b"} {
		w.plant(key, sandbox.Planted{Body: []byte("content of " + key)})
	}
	w.bundle(false)
	dir := t.TempDir()
	restore := func(opt retrieve.RestoreOptions) restored {
		return w.restore(toFolder(t, dir, false), opt, "s3://dst/archive/")
	}
	restore(retrieve.RestoreOptions{}).must(t, 2, 0)
	path := filepath.Join(dir, "a")
	check(t, os.WriteFile(path, []byte("CONTENT OF A"), 0o666))
	check(t, os.Chtimes(path, time.Time{}, when))
	restore(retrieve.RestoreOptions{Existing: skip}).must(t, 0, 2)
	restore(retrieve.RestoreOptions{Existing: overwrite, NoCheck: true}).must(t, 0, 2)
	restore(retrieve.RestoreOptions{Existing: overwrite}).must(t, 1, 1)
	if got, _ := os.ReadFile(path); string(got) != "content of a" {
		t.Errorf("it is %q", got)
	}
	restore(retrieve.RestoreOptions{Existing: overwrite}).must(t, 0, 2)
	if r := restore(retrieve.RestoreOptions{Existing: retrieve.Refuse}); len(r.letters) != 2 || r.letters["a"] != fault.Reason("Exists") {
		t.Errorf("refused: %+v", r)
	}
}
