package retrieve_test

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
)

// coldWorld has one archive in GLACIER and a big object's copy in
// DEEP_ARCHIVE, of which the third HEAD after the request finds them readable.
func coldWorld(t *testing.T, asked *atomic.Int64) (w *world, at string) {
	w = newWorldWith(t, sandbox.Options{RestoreHeads: 2, Before: func(e sandbox.Exchange) {
		if e.Operation == "RestoreObject" {
			asked.Add(1)
		}
	}})
	w.plant("cold", sandbox.Planted{Body: []byte("content")})
	w.plant("cold/big", sandbox.Planted{Body: bytes.Repeat([]byte("x"), maxSize+1)})
	l := w.bundle(false)
	tar := object.Location{Bucket: "dst", Key: strings.TrimSuffix(l.Key, ".index") + ".tar"}
	for class, l := range map[string]object.Location{"GLACIER": tar, "DEEP_ARCHIVE": {Bucket: "dst", Key: "archive/" + copyOf(t, w, "cold/big")}} {
		if _, _, err := w.server.Plant(l.Bucket, l.Key, sandbox.Planted{Body: w.get(l), StorageClass: class}); err != nil {
			t.Fatal(err)
		}
	}
	return w, l.String()
}

func TestColdArchives(t *testing.T) {
	var asked atomic.Int64
	w, at := coldWorld(t, &asked)
	thaw := retrieve.Thaw{Tier: "Bulk", Days: 2, Every: time.Millisecond}
	r := w.restore(toBucket(w, "s3://back"), retrieve.RestoreOptions{}, "s3://dst/archive/")
	if r.err != nil || r.Failed != 2 || r.Objects != 0 || fault.ReasonOf(r.first) != fault.Glacier || asked.Load() != 0 {
		t.Errorf("without asking: %+v", r)
	}
	r = w.restore(toBucket(w, "s3://back"), retrieve.RestoreOptions{Thaw: thaw}, "s3://dst/archive/")
	if r.err != nil || r.Failed != 2 || asked.Load() != 2 || !strings.Contains(r.first.Error(), "under way") {
		t.Errorf("asked: %+v, %d requests", r, asked.Load())
	}
	thaw.Wait = true
	w.restore(toBucket(w, "s3://back"), retrieve.RestoreOptions{Thaw: thaw}, "s3://dst/archive/").must(t, 2, 0)
	if asked.Load() != 2 {
		t.Errorf("asked %d times for two archives", asked.Load())
	}
	if got, err := w.cat(at, "cold", retrieve.CatOptions{}); err != nil || string(got) != "content" {
		t.Errorf("cat when it is there: %q, %v", got, err)
	}
}

func TestCatWaits(t *testing.T) {
	var asked atomic.Int64
	w, at := coldWorld(t, &asked)
	opt := retrieve.CatOptions{Thaw: retrieve.Thaw{Tier: "Expedited", Days: 1, Every: time.Millisecond}, Log: w.logger()}
	if _, err := w.cat(at, "cold", opt); fault.ReasonOf(err) != fault.Glacier || !strings.Contains(err.Error(), "under way") || asked.Load() != 1 {
		t.Errorf("not waiting: %v, %d requests", err, asked.Load())
	}
	opt.Thaw.Wait = true
	if got, err := w.cat(at, "cold", opt); err != nil || string(got) != "content" || asked.Load() != 1 {
		t.Errorf("%q, %v, %d requests", got, err, asked.Load())
	}
	w.server.SetFaults(sandbox.Rule{Operation: "RestoreObject", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
	big := "s3://dst/archive/" + copyOf(t, w, "cold/big")
	if _, err := w.cat(big, "", opt); err == nil || fault.KindOf(err) != fault.API {
		t.Errorf("asking is denied: %v", err)
	}
}
