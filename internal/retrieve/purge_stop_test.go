package retrieve_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"s3bundler/internal/bundler"
	"s3bundler/internal/fetch"
	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
	"s3bundler/internal/store"
)

// TestPurgeStopped interrupts a purge in the middle: all that was deleted is
// in the log, and the next run does the rest.
func TestPurgeStopped(t *testing.T) {
	w := newWorld(t)
	for i := range 300 {
		w.plant(fmt.Sprint("k", i), sandbox.Planted{Body: []byte{byte(i)}})
	}
	at := w.bundle(false)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the test has seen enough")
	s := &counting{Store: w.s3, after: func(n int32) {
		if n == 50 {
			cancel(why)
		}
	}}
	var last error
	for _, err := range retrieve.Purge(ctx, s, locations(t, at.String()), retrieve.PurgeOptions{
		Delete: true, Archives: 1, Limiter: fetch.NewLimiter(8),
	}) {
		last = err
	}
	if !errors.Is(last, why) {
		t.Errorf("it ended with %v", last)
	}
	left := w.left("src1")
	logged := loggedKeys(w.logOf(at))
	if len(left) == 0 || len(left) > 250 {
		t.Fatalf("%d of 300 are left", len(left))
	}
	for _, key := range w.keys {
		if there, in := slices.Contains(left, key), slices.Contains(logged, key); there == in && s.done(key) {
			t.Errorf("%s: there %v, in the log %v", key, there, in)
		}
	}
	got := w.purge(w.s3, retrieve.PurgeOptions{Delete: true}, at.String())
	for _, key := range left {
		// S3 may do what it was asked before the end after it was listed.
		if late := got[key] == retrieve.Gone && !s.done(key); got[key] != retrieve.Deleted && !late {
			t.Errorf("again: %s is %s", key, got[key])
		}
	}
	logged = loggedKeys(w.logOf(at))
	slices.Sort(logged)
	want := slices.Sorted(slices.Values(w.keys))
	if !slices.Equal(logged, want) {
		t.Errorf("the log names %d objects, want each of %d once", len(logged), len(want))
	}
}

func loggedKeys(rows [][]string) (keys []string) {
	for _, r := range rows[1:] {
		keys = append(keys, r[3])
	}
	return keys
}

// counting counts deletions of objects that S3 has confirmed.
type counting struct {
	store.Store
	after func(n int32)
	n     atomic.Int32
	keys  [300]atomic.Bool
}

func (c *counting) Delete(ctx context.Context, o object.Object) error {
	err := c.Store.Delete(ctx, o)
	var i int
	if _, e := fmt.Sscanf(o.Key, "k%d", &i); e == nil && err == nil {
		c.keys[i].Store(true)
		c.after(c.n.Add(1))
	}
	return err
}

func (c *counting) done(key string) bool {
	var i int
	_, err := fmt.Sscanf(key, "k%d", &i)
	return err == nil && c.keys[i].Load()
}

// TestPurgeNeedsItsLog refuses the log, or the probe, and wants nothing
// deleted.
func TestPurgeNeedsItsLog(t *testing.T) {
	w := newWorld(t)
	w.plant("a", sandbox.Planted{Body: []byte("a")})
	at := w.bundle(false)
	for _, key := range []string{"*.purged.csv", "*.probe-*"} {
		w.server.SetFaults(sandbox.Rule{Operation: "PutObject", Key: key, Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
		failed := false
		for _, err := range retrieve.Purge(t.Context(), w.s3, locations(t, at.String()), retrieve.PurgeOptions{
			Delete: true, Archives: 1, Limiter: fetch.NewLimiter(8),
		}) {
			failed = failed || err != nil
		}
		if left := w.left("src1"); len(left) != 1 || !failed {
			t.Errorf("%s refused: left are %q, failed: %v", key, left, failed)
		}
	}
	w.server.SetFaults(sandbox.Rule{Operation: "HeadObject", Bucket: "src1", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}},
		sandbox.Rule{Operation: "GetObject", Bucket: "src1", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
	if got := w.purge(w.s3, retrieve.PurgeOptions{Delete: true}, at.String()); got["a"] != retrieve.Refused {
		t.Errorf("a HEAD refused: %v", got)
	}
	w.server.SetFaults(sandbox.Rule{Operation: "DeleteObject", Bucket: "src1", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
	if got := w.purge(w.s3, retrieve.PurgeOptions{Delete: true}, at.String()); got["a"] != retrieve.Refused || len(w.left("src1")) != 1 {
		t.Errorf("a DELETE refused: %v", got)
	}
}

// TestPurgeLeavesArchives has a manifest name an archive: it is archived like
// all else, and must not be purged.
func TestPurgeLeavesArchives(t *testing.T) {
	w := newWorld(t)
	w.plant("a", sandbox.Planted{Body: []byte("a")})
	first := w.bundle(false)
	m := object.Location{Bucket: "dst", Key: "manifests/more.1.index"}
	rows := ""
	for _, key := range w.left("dst") {
		rows += fmt.Sprintf("dst,%s,%d\n", object.EncodeKey(key), len(w.get(object.Location{Bucket: "dst", Key: key})))
	}
	w.store(m, []byte(rows))
	b := bundler.New(w.s3, bundler.Options{Archive: layout.In("dst", "archive"), Fields: manifest.DefaultFields(), MaxSize: maxSize}, w.logger())
	if _, err := b.Bundle(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	before := w.left("dst")
	got := w.purge(w.s3, retrieve.PurgeOptions{Delete: true}, "s3://dst/archive/")
	if got[first.Key] != retrieve.Own || got["a"] != retrieve.Deleted {
		t.Errorf("got %v", got)
	}
	for _, key := range before {
		if !slices.Contains(w.left("dst"), key) {
			t.Errorf("%s was deleted", key)
		}
	}
}
