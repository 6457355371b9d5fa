package status_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"s3bundler/internal/layout"
	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
	"s3bundler/internal/status"
)

func TestReport(t *testing.T) {
	w := newWorld(t)
	w.bundle(w.manifest(0, "src,here,5\nsrc,gone,7\nsrc,gone+too,8\n"), w.manifest(1, "src,here,5\n"))
	w.manifest(2, "src,here,5\nsrc,here,5\n")
	r := w.look(options()).Report(options())
	for _, tt := range []struct {
		what      string
		got, want any
	}{
		{"manifests", r.Count, status.Progress{Done: 2, Left: 1, Total: 3}},
		{"objects", r.Objects, status.Progress{Done: 4, Left: 2, Total: 6}},
		{"bytes", r.Bytes, status.Progress{Done: 25, Left: 10, Total: 35}},
		{"estimated", r.Estimated, false},
		{"dead letters", r.DeadLetters, map[string]int64{"NoSuchKey": 2}},
		{"manifests with dead letters", r.WithDeadLetters, 1},
		{"damaged", r.Damaged, []status.Damaged{}},
		{"points of the curve", len(r.Curve) >= 2, true},
	} {
		if d := cmp.Diff(tt.want, tt.got); d != "" {
			t.Errorf("%s:\n%s", tt.what, d)
		}
	}
	if r.ArchiveBytes == 0 {
		t.Error("the archives take no bytes")
	}
}

// TestCost holds the survey to what the command's help says it costs.
func TestCost(t *testing.T) {
	w := newWorld(t)
	w.bundle(w.manifest(0, "src,here,5\nsrc,gone,7\n"), w.manifest(1, "src,here,5\n"))
	w.manifest(2, "src,here,5\n")
	s := status.New(w.s3, options())
	for _, want := range []map[string]int64{
		{"ListObjectsV2": 2, "HeadObject": 2, "GetObject": 4}, // three manifests, one dead-letter index
		{"ListObjectsV2": 2, "HeadObject": 0, "GetObject": 0},
	} {
		w.server.ResetStats()
		if _, err := s.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := w.server.Stats().Requests
		for op, n := range want {
			if got[op] != n {
				t.Errorf("%d %s, want %d", got[op], op, n)
			}
		}
	}
}

// TestNotArchived breaks what belongs together, as a worker would find it.
func TestNotArchived(t *testing.T) {
	const rows = "src,here,5\nsrc,gone,7\n"
	for _, tt := range []struct {
		name, why string
		breaks    func(w *world, m, index object.Location)
	}{
		{"nothing is broken", "", func(*world, object.Location, object.Location) {}},
		{"no index", "", func(w *world, _, index object.Location) { w.remove(index) }},
		{"no archive", "archive is missing", func(w *world, _, index object.Location) {
			w.remove(object.Location{Bucket: index.Bucket, Key: strings.TrimSuffix(index.Key, ".index") + ".tar"})
		}},
		{"another archive", "was replaced", func(w *world, _, index object.Location) {
			w.plant(index.Bucket, strings.TrimSuffix(index.Key, ".index")+".tar", sandbox.Planted{Body: []byte("x")})
		}},
		{"another manifest", "earlier content", func(w *world, _, _ object.Location) { w.manifest(0, "src,here,5\n") }},
		{"no dead letters", "dead-letter index is missing", func(w *world, m, _ object.Location) { w.remove(layout.DeadLetters(m)) }},
		{"other dead letters", "of another run", func(w *world, m, _ object.Location) {
			l := layout.DeadLetters(m)
			w.plant(l.Bucket, l.Key, sandbox.Planted{Body: []byte("src,gone,7,,Retry\n")})
		}},
		{"an index elsewhere", "", func(w *world, _, index object.Location) {
			w.remove(index)
			w.plant(index.Bucket, "archive/000000/src/m.0.index", sandbox.Planted{})
			w.plant(index.Bucket, "archive/000000/src/m.0.tar", sandbox.Planted{})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			m := w.manifest(0, rows)
			tt.breaks(w, m, w.bundle(m)[0])
			got := w.look(options()).Manifests[0]
			if archived := tt.name == "nothing is broken"; got.Archived != archived {
				t.Errorf("archived: %t", got.Archived)
			}
			if tt.why == "" && got.Why != "" || !strings.Contains(got.Why, tt.why) {
				t.Errorf("why: %q, want %q", got.Why, tt.why)
			}
		})
	}
}

// TestOriginal takes an index without metadata for that of its manifest if it
// is younger.
func TestOriginal(t *testing.T) {
	w := newWorld(t)
	at := layout.In("dst", "archive").Index("src", "m.0")
	w.manifest(0, "src,here,5\nsrc,gone,7\n")
	w.plant("dst", "manifests/m.0.index.dlq", sandbox.Planted{Body: []byte("src,gone,7,,NoSuchKey\nsrc,cut")})
	w.plant("dst", strings.TrimSuffix(at.Key, ".index")+".tar.gz", sandbox.Planted{Body: []byte("x")})
	w.plant("dst", at.Key, sandbox.Planted{Body: []byte("x")})
	m := w.look(options()).Manifests[0]
	if want := map[string]int64{"NoSuchKey": 1, "unknown": 1}; !m.Archived || !cmp.Equal(m.DeadLetters, want) {
		t.Errorf("archived %t, dead letters %v", m.Archived, m.DeadLetters)
	}
	w.plant("dst", at.Key, sandbox.Planted{Body: []byte("x"), Modified: m.LastModified.Add(-1e9)})
	if m := w.look(options()).Manifests[0]; m.Archived {
		t.Error("an index older than the manifest counts")
	}
}

// TestEstimate compares the estimate with what --exact counts.
func TestEstimate(t *testing.T) {
	w := newWorld(t)
	for n := range 3 {
		w.manifest(n, strings.Repeat("src,k0000001,100\n", 20000+n))
	}
	opt := options()
	r := w.look(opt).Report(opt)
	opt.Exact = true
	exact := w.look(opt).Report(opt)
	if want := int64(60003); exact.Estimated || exact.Objects.Total != want || exact.Bytes.Total != 100*want {
		t.Errorf("exact: %+v %+v", exact.Objects, exact.Bytes)
	}
	if off := r.Objects.Total - exact.Objects.Total; !r.Estimated || off < -3 || off > 3 {
		t.Errorf("estimated: %+v", r.Objects)
	}
}

func TestNoManifests(t *testing.T) {
	w := newWorld(t)
	_, err := status.New(w.s3, options()).Look(t.Context())
	if err == nil || !strings.Contains(err.Error(), "s3://dst/manifests/") {
		t.Errorf("%v", err)
	}
}
