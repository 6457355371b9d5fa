package retrieve_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"s3bundler/internal/fetch"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
	"s3bundler/internal/store"
)

// purge purges places through st, and returns what became of each key. A
// finding has the key "".
func (w *world) purge(st store.Store, opt retrieve.PurgeOptions, uris ...string) map[string]retrieve.Outcome {
	w.t.Helper()
	opt.Archives, opt.Limiter = 3, fetch.NewLimiter(32)
	all := map[string]retrieve.Outcome{}
	for out, err := range retrieve.Purge(w.t.Context(), st, locations(w.t, uris...), opt) {
		if err != nil {
			w.t.Fatal(err)
		}
		all[out.Object.Key] = out.Outcome
	}
	return all
}

// left lists the keys in a bucket.
func (w *world) left(bucket string) []string {
	w.t.Helper()
	var keys []string
	for o, err := range w.s3.List(w.t.Context(), object.Location{Bucket: bucket}) {
		if err != nil {
			w.t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

func (w *world) logOf(at object.Location) [][]string {
	w.t.Helper()
	b := w.get(object.Location{Bucket: at.Bucket, Key: at.Key + ".purged.csv"})
	if b == nil {
		return nil
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		w.t.Fatal(err)
	}
	return rows
}

func TestPurge(t *testing.T) {
	for _, compress := range []bool{false, true} {
		w := newWorld(t)
		w.allKinds()
		w.plant("cold", sandbox.Planted{Body: []byte("cold"), StorageClass: "GLACIER"})
		w.plant("old multipart", sandbox.Planted{Body: bytes.Repeat([]byte("x"), 300<<10), PartSize: 100 << 10, Checksum: "none"})
		w.rows = append(w.rows, "src1,gone,1\n")
		at := w.bundle(compress)
		w.plantAgain("odd/a", sandbox.Planted{Body: []byte("another one")})
		w.plantAgain("odd/a/b", sandbox.Planted{Body: w.planted["odd/a/b"].Body}) // the same content, written later
		meta := w.planted["special/with-metadata"]
		meta.Metadata = map[string]string{"owner": "grace"}
		w.plantAgain("special/with-metadata", meta)
		if err := w.server.Delete("src1", "odd/comma,comma"); err != nil {
			t.Fatal(err)
		}
		before := w.left("dst")

		want := map[string]retrieve.Outcome{}
		for _, key := range w.keys {
			want[key] = retrieve.Deletable
		}
		maps.Copy(want, map[string]retrieve.Outcome{
			"odd/a": retrieve.Changed, "odd/a/b": retrieve.Changed, "special/with-metadata": retrieve.Changed,
			"odd/comma,comma": retrieve.Gone, "old multipart": retrieve.Unproven,
		})
		delete(want, "cold")
		check := func(run string, got map[string]retrieve.Outcome) {
			t.Helper()
			for key := range want {
				if got[key] != want[key] {
					t.Errorf("compressed %v, %s: %s is %q, want %q", compress, run, key, got[key], want[key])
				}
			}
			if len(got) != len(want) {
				t.Errorf("compressed %v, %s: %d outcomes, want %d", compress, run, len(got), len(want))
			}
		}
		check("dry run", w.purge(w.s3, retrieve.PurgeOptions{}, "s3://dst/archive/"))
		if n := w.server.Stats().Requests["DeleteObject"]; n > 0 {
			t.Errorf("the dry run sent %d deletions", n)
		}
		if got := w.left("dst"); !slices.Equal(got, before) {
			t.Errorf("the dry run left %q", got)
		}

		for key, o := range want {
			if o == retrieve.Deletable {
				want[key] = retrieve.Deleted
			}
		}
		check("purge", w.purge(w.s3, retrieve.PurgeOptions{Delete: true}, "s3://dst/archive/"))
		still := []string{"cold", "odd/a", "odd/a/b", "old multipart", "special/with-metadata"}
		if got := w.left("src1"); !slices.Equal(got, still) {
			t.Errorf("compressed %v: left are %q, want %q", compress, got, still)
		}
		log := w.logOf(at)
		// With a header, and without the dead letter, the two copies and what
		// is left; what was gone is in it.
		if n := 1 + len(w.keys) - 1 - 2 - 4; len(log) != n || log[0][0] != "time" {
			t.Errorf("the log has %d lines, want %d", len(log), n)
		}
		if fs := w.verify(retrieve.VerifyOptions{}, "s3://dst/archive/"); len(fs) > 0 {
			t.Errorf("afterwards: %q", fs)
		}

		for key, o := range want {
			if o == retrieve.Deleted {
				want[key] = retrieve.Gone
			}
		}
		want["old multipart"] = retrieve.Deleted
		check("again, reading", w.purge(w.s3, retrieve.PurgeOptions{Delete: true, Reread: true}, "s3://dst/archive/"))
		if again := w.logOf(at); len(again) != len(log)+1 || !slices.EqualFunc(again[:len(log)], log, slices.Equal) {
			t.Errorf("the log of the second run has %d lines after %d of the first", len(again), len(log))
		}
		if slices.ContainsFunc(w.left("dst"), func(k string) bool { return strings.Contains(k, ".probe-") }) {
			t.Errorf("a probe was left: %q", w.left("dst"))
		}
	}
}

func TestPurgeOriginal(t *testing.T) {
	w := newWorld(t)
	w.original()
	var keys []string
	for _, e := range w.list(retrieve.Filter{}, "s3://dst/old/") {
		body := new(bytes.Buffer)
		if err := retrieve.Cat(t.Context(), w.s3, e.Source, e.Key, body, retrieve.CatOptions{}); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(keys, e.Key) {
			keys = append(keys, e.Key)
		}
		if _, _, err := w.server.Plant("src1", e.Key, sandbox.Planted{Body: body.Bytes(), Modified: e.Row.LastModified, Checksum: "none"}); err != nil {
			t.Fatal(err)
		}
	}
	w.plantAgain(keys[0], sandbox.Planted{Body: []byte("changed")})
	got := w.purge(w.s3, retrieve.PurgeOptions{Delete: true}, "s3://dst/old/")
	for _, key := range keys[1:] {
		if got[key] != retrieve.Deleted && got[key] != retrieve.Gone { // two archives have the same objects
			t.Errorf("%s is %s", key, got[key])
		}
	}
	if left := w.left("src1"); !slices.Equal(left, keys[:1]) {
		t.Errorf("left are %q", left)
	}
}

// TestPurgeDamaged plants damage of all kinds, also between the two readings,
// and wants nothing deleted.
func TestPurgeDamaged(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.plant(fmt.Sprint("k", i), sandbox.Planted{Body: bytes.Repeat([]byte{byte(i)}, 3000)})
	}
	at := w.bundle(false)
	tar := object.Location{Bucket: at.Bucket, Key: strings.TrimSuffix(at.Key, ".index") + ".tar"}
	body, lines := bytes.Clone(w.get(tar)), bytes.Clone(w.get(at))
	swapped := func(b []byte) []byte {
		all := bytes.SplitAfter(b, []byte("\n"))
		all[3], all[4] = all[4], all[3]
		return bytes.Join(all, nil)
	}
	for _, tt := range []struct {
		name string
		do   func()
	}{
		{"content", func() { w.alter(tar, flipped(5000)) }},
		{"header", func() { w.alter(tar, flipped(10)) }},
		{"index", func() { w.alter(at, func(b []byte) []byte { return bytes.Replace(b, []byte("k7"), []byte("kx"), 1) }) }},
		{"line", func() { w.alter(at, func(b []byte) []byte { return append(b, "no row\n"...) }) }},
		{"rows in another order", func() { w.alter(at, swapped) }},
		{"another archive", func() { w.store(tar, append(bytes.Clone(body), 0)) }},
	} {
		metadata := w.headOf(at)
		archive := w.headOf(tar)
		tt.do()
		for out, err := range retrieve.Purge(t.Context(), w.s3, locations(t, at.String()), retrieve.PurgeOptions{
			Delete: true, Archives: 1, Limiter: fetch.NewLimiter(8),
		}) {
			if err == nil && out.Outcome != retrieve.Unverified {
				if tt.name == "rows in another order" && out.Outcome == retrieve.Deleted && (out.Object.Key == "k0" || out.Object.Key == "k1" || out.Object.Key == "k2") {
					w.plantAgain(out.Object.Key, w.planted[out.Object.Key])
					continue
				}
				t.Errorf("%s: %s is %s", tt.name, out.Object.Key, out.Outcome)
			}
		}
		if n := len(w.left("src1")); n != 20 {
			t.Errorf("%s: %d of 20 objects are left", tt.name, n)
		}
		w.putBack(at, metadata, lines)
		w.putBack(tar, archive, body)
	}
	// What changes while it is purged.
	// An archive is asked for once before it is read, an index never.
	for l, when := range map[object.Location]int32{at: 1, tar: 2} {
		gone := &changing{Store: w.s3, when: when, key: l.Key, do: func() { w.store(l, []byte("replaced")) }}
		archive, index := w.headOf(tar), w.headOf(at)
		failed := false
		for out, err := range retrieve.Purge(t.Context(), gone, locations(t, at.String()), retrieve.PurgeOptions{
			Delete: true, Archives: 1, Limiter: fetch.NewLimiter(8),
		}) {
			failed = failed || err != nil
			if err == nil {
				t.Errorf("%s replaced: %s is %s", l, out.Object.Key, out.Outcome)
			}
		}
		if n := len(w.left("src1")); n != 20 || !failed {
			t.Errorf("%s replaced: %d of 20 objects are left, failed: %v", l, n, failed)
		}
		w.putBack(at, index, lines)
		w.putBack(tar, archive, body)
	}
}

// changing does something before the nth HEAD of a key.
type changing struct {
	store.Store
	when int32
	key  string
	do   func()
	seen atomic.Int32
}

func (c *changing) Head(ctx context.Context, o object.Object) (object.Attributes, error) {
	if o.Key == c.key && c.seen.Add(1) == c.when {
		c.do()
	}
	return c.Store.Head(ctx, o)
}

// careless deletes whatever is there, as a server does that knows no
// conditions; of versions the current one, if all is set.
type careless struct {
	store.Store
	all bool
}

func (c careless) Delete(ctx context.Context, o object.Object) error {
	o.ETag = ""
	if c.all {
		attr, err := c.Store.Head(ctx, object.At(o.Location()))
		if err != nil {
			return err
		}
		o.VersionID = attr.VersionID
	}
	return c.Store.Delete(ctx, o)
}

func TestPurgeCarelessServer(t *testing.T) {
	for _, versioned := range []bool{false, true} {
		w := newWorld(t)
		if versioned {
			w.versioned("src1")
		}
		w.plant("a", sandbox.Planted{Body: []byte("a")})
		at := w.bundle(false)
		got := w.purge(careless{Store: w.s3}, retrieve.PurgeOptions{Delete: true}, at.String())
		want := map[bool]retrieve.Outcome{false: retrieve.Unconditional, true: retrieve.Deleted}[versioned]
		if got["a"] != want {
			t.Errorf("versioned %v: %s, want %s", versioned, got["a"], want)
		}
	}
}

// versioned has a bucket keep versions from now on.
func (w *world) versioned(bucket string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPut, w.server.URL()+"/"+bucket+"?versioning",
		strings.NewReader("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"))
	if err != nil {
		w.t.Fatal(err)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		w.t.Fatal(resp.Status)
	}
}

func TestPurgeVersions(t *testing.T) {
	w := newWorld(t)
	w.plant("null", sandbox.Planted{Body: []byte("before versions")})
	w.versioned("src1")
	w.plant("one", sandbox.Planted{Body: []byte("one")})
	w.plant("two", sandbox.Planted{Body: []byte("two")})
	w.plant("hidden", sandbox.Planted{Body: []byte("hidden")})
	at := w.bundle(false)
	w.plantAgain("two", sandbox.Planted{Body: []byte("2nd")})
	if err := w.server.Delete("src1", "hidden"); err != nil {
		t.Fatal(err)
	}
	got := w.purge(w.s3, retrieve.PurgeOptions{Delete: true}, at.String())
	want := map[string]retrieve.Outcome{"null": retrieve.Deleted, "one": retrieve.Deleted, "two": retrieve.Changed, "hidden": retrieve.Changed}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got = w.purge(w.s3, retrieve.PurgeOptions{Delete: true, Noncurrent: true}, at.String())
	want = map[string]retrieve.Outcome{"null": retrieve.Unconditional, "one": retrieve.Gone, "two": retrieve.Deleted, "hidden": retrieve.Deleted}
	if !maps.Equal(got, want) {
		t.Errorf("noncurrent too: got %v, want %v", got, want)
	}
	if left := w.left("src1"); !slices.Equal(left, []string{"two"}) {
		t.Errorf("left are %q", left)
	}
	if b := w.get(object.Location{Bucket: "src1", Key: "two"}); string(b) != "2nd" {
		t.Errorf("the new version is %q", b)
	}
}

// TestPurgeInterleavings replaces, deletes and rewrites source objects at every
// moment between the requests of a purge, a thousand times, with and without
// versions, while requests fail. Whatever was ever stored in the source bucket
// and is not archived must be there in the end, unless the test has deleted or
// overwritten it itself. Carried out by a store that leaves out the conditions,
// the same must fail: the test can tell.
func TestPurgeInterleavings(t *testing.T) {
	for _, versioned := range []bool{false, true} {
		for _, c := range []struct {
			name string
			bad  bool
			wrap func(store.Store) store.Store
		}{
			{"conditions", false, func(s store.Store) store.Store { return s }},
			{"no conditions", true, func(s store.Store) store.Store { return &trusted{careless{s, true}} }},
		} {
			t.Run(fmt.Sprintf("versioned %v, %s", versioned, c.name), func(t *testing.T) {
				lost, deleted := interleave(t, versioned, c.wrap)
				if lost > 0 != c.bad {
					t.Errorf("%d objects were lost", lost)
				}
				if deleted < 100 {
					t.Errorf("only %d objects were deleted at all", deleted)
				}
			})
		}
	}
}

// trusted lets a careless store pass for one with conditions.
type trusted struct{ careless }

func (c *trusted) Delete(ctx context.Context, o object.Object) error {
	if strings.Contains(o.Key, ".probe-") {
		return c.Store.Delete(ctx, o)
	}
	return c.careless.Delete(ctx, o)
}

// interleave purges a thousand objects that change meanwhile, and counts those
// that were lost and those that were deleted.
func interleave(t *testing.T, versioned bool, wrap func(store.Store) store.Store) (lost, deleted int) {
	rng := rand.New(rand.NewPCG(7, 11))
	var m meddler
	w := newWorldWith(t, sandbox.Options{Before: m.before, After: m.after})
	if versioned {
		w.versioned("src1")
	}
	const n = 1000
	for i := range n {
		w.plant(fmt.Sprintf("k%04d", i), sandbox.Planted{Body: fmt.Appendf(nil, "content %d", i)})
	}
	at := w.bundle(false)
	m.start(w, rng)
	w.server.SetFaults(
		sandbox.Rule{Bucket: "src1", Probability: 0.05, Seed: 1, Fault: sandbox.Fault{Kind: sandbox.LoseAnswer}},
		sandbox.Rule{Bucket: "src1", Probability: 0.05, Seed: 2, Fault: sandbox.Fault{Kind: sandbox.InternalError}},
		sandbox.Rule{Bucket: "src1", Probability: 0.02, Seed: 3, Fault: sandbox.Fault{Kind: sandbox.SlowDown}},
		sandbox.Rule{Bucket: "src1", Probability: 0.02, Seed: 4, Fault: sandbox.Fault{Kind: sandbox.Reset}},
	)
	out := w.purge(wrap(w.s3), retrieve.PurgeOptions{Delete: true, Reread: true, Noncurrent: rng.IntN(2) == 0}, at.String())
	m.stop()
	w.server.SetFaults()
	if len(out) != n {
		t.Errorf("%d outcomes of %d", len(out), n)
	}
	for _, o := range out {
		if o == retrieve.Deleted {
			deleted++
		}
	}
	for key, versions := range m.kept {
		for _, v := range versions {
			attr, err := w.s3.Head(t.Context(), object.Object{Bucket: "src1", Key: key, VersionID: v.id})
			if err != nil || attr.ETag != v.etag {
				lost++
			}
		}
	}
	return lost, deleted
}

// meddler changes objects of src1 between the requests of others.
type meddler struct {
	mu   sync.Mutex
	w    *world
	rng  *rand.Rand
	kept map[string][]stayed // what it stored, and neither deleted nor replaced
	done map[string]int      // changes by key
}

// stayed is a version, or without an ID what is current.
type stayed struct{ id, etag string }

func (m *meddler) start(w *world, rng *rand.Rand) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.w, m.rng, m.kept, m.done = w, rng, map[string][]stayed{}, map[string]int{}
}

func (m *meddler) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.w = nil
}

func (m *meddler) before(e sandbox.Exchange) { m.meddle(e) }
func (m *meddler) after(e sandbox.Exchange)  { m.meddle(e) }

func (m *meddler) meddle(e sandbox.Exchange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.w == nil || e.Bucket != "src1" || e.Key == "" || m.rng.IntN(5) > 0 || m.done[e.Key] == 3 {
		return
	}
	m.done[e.Key]++
	p := m.w.planted[e.Key]
	kind := m.rng.IntN(6)
	switch kind {
	case 0: // another content of the same size, at the same time
		p.Body = bytes.ToUpper(p.Body)
	case 1: // of another size
		p.Body = append(bytes.Clone(p.Body), byte('0'+m.done[e.Key]))
	case 2: // the same content, uploaded in parts
		p.Body, p.PartSize, p.Checksum = append([]byte("other "), p.Body...), 5, "none"
	case 3, 4: // what is archived
	case 5:
		if err := m.w.server.Delete("src1", e.Key); err != nil {
			panic(err)
		}
		m.forget(e.Key)
		return
	}
	etag, id, err := m.w.server.Plant("src1", e.Key, p)
	if err != nil {
		panic(err)
	}
	m.forget(e.Key)
	if id == "null" {
		id = ""
	}
	if kind < 3 {
		m.kept[e.Key] = append(m.kept[e.Key], stayed{id, etag})
	}
}

// forget drops what is current, unless it stays as a version.
func (m *meddler) forget(key string) {
	m.kept[key] = slices.DeleteFunc(m.kept[key], func(s stayed) bool { return s.id == "" })
}
