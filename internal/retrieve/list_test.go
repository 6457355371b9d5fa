package retrieve_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
)

func TestListOwn(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprintf("compressed %v", compress), func(t *testing.T) {
			w := newWorld(t)
			w.allKinds()
			at := w.bundle(compress)
			all := slices.Sorted(slices.Values(w.keys))
			if got := keysOf(w.list(retrieve.Filter{}, "s3://dst/archive/")); !slices.Equal(got, all) {
				t.Errorf("below the prefix: %d keys, want %d", len(got), len(all))
			}
			if got := keysOf(w.list(retrieve.Filter{}, "s3://dst")); !slices.Equal(got, all) {
				t.Errorf("in the whole bucket, where manifests are too: %d keys, want %d", len(got), len(all))
			}
			inTar := slices.DeleteFunc(slices.Clone(all), func(k string) bool { return strings.HasPrefix(k, "special/big") })
			archive := strings.TrimSuffix(at.String(), ".index") + map[bool]string{false: ".tar", true: ".tar.gz"}[compress]
			for _, uri := range []string{at.String(), archive} {
				if got := keysOf(w.list(retrieve.Filter{}, uri)); !slices.Equal(got, inTar) {
					t.Errorf("%s: %d keys, want %d", uri, len(got), len(inTar))
				}
			}
			copied := "s3://dst/archive/" + copyOf(t, w, "special/big")
			for _, uri := range []string{copied, copied + ".metadata"} {
				if got := keysOf(w.list(retrieve.Filter{}, uri)); !slices.Equal(got, []string{"special/big"}) {
					t.Errorf("%s: %q", uri, got)
				}
			}
			rows := w.list(retrieve.Filter{}, at.String())
			if err := w.s3.Delete(t.Context(), object.At(at)); err != nil {
				t.Fatal(err)
			}
			for i, e := range w.list(retrieve.Filter{}, archive) {
				want := rows[i].Row
				if e.Row.Bucket != "src1" || e.Row.Key != want.Key || e.Row.Size != want.Size || !e.Row.LastModified.Equal(want.LastModified) {
					t.Errorf("without the index: %+v, want %+v", e.Row, want)
				}
				if p := e.Row.Place; !compress && (p == nil || *p != *want.Place) {
					t.Errorf("without the index: %q lies at %v, want %v", e.Key, p, want.Place)
				}
			}
		})
	}
}

// copyOf is where the copy of a big object is below archive/.
func copyOf(t *testing.T, w *world, key string) string {
	t.Helper()
	for o, err := range w.s3.List(t.Context(), object.Location{Bucket: "dst", Key: "archive/"}) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(o.Key, "/bigobjects/"+key) {
			return strings.TrimPrefix(o.Key, "archive/")
		}
	}
	t.Fatalf("%s was not copied", key)
	return ""
}

func TestListOriginal(t *testing.T) {
	w := newWorld(t)
	w.original()
	const at = "s3://dst/old/c3e7f3/src1/src1-export-2017-03-30T18-06Z-manifest.0"
	rows := w.list(retrieve.Filter{}, at+".index")
	if len(rows) != 8 {
		t.Fatalf("%d rows", len(rows))
	}
	second := rows[1].Row
	if got := fmt.Sprint(second.Metadata, second.Tags); got != "[{note a, b, and c} {owner ada,grace}] [{team search}]" {
		t.Errorf("metadata with commas: %s", got)
	}
	if got := keysOf(w.list(retrieve.Filter{}, "s3://dst/old")); len(got) != 17 {
		t.Errorf("all samples: %d rows, want 17: %q", len(got), got)
	}
	for _, ending := range []string{".index", ".tar"} {
		es := w.list(retrieve.Filter{KeyPrefix: "odd/gr"}, at+ending)
		if len(es) != 1 || es[0].Key != "odd/grüße/日本" || es[0].Row.LastModified != time.Date(2017, 3, 30, 18, 6, 13, 0, time.UTC) {
			t.Errorf("%s: %+v", ending, es)
		}
	}
	for _, n := range []string{"c3e7f3/src1/src1-export-2017-03-30T18-06Z-manifest.0", "c4fa0c/src1/src1-export-2017-03-30T18-06Z-manifest.1"} {
		l := locations(t, "s3://dst/old/"+n+".index")[0]
		if err := w.s3.Delete(t.Context(), object.At(l)); err != nil {
			t.Fatal(err)
		}
		ending := map[bool]string{true: ".tar", false: ".tar.gz"}[strings.HasSuffix(n, "0")]
		var sizes []int64
		for _, e := range w.list(retrieve.Filter{}, "s3://dst/old/"+n+ending) {
			sizes = append(sizes, e.Row.Size)
		}
		if want := []int64{10240, 512, 100, 1000, 2000, 0, 0, 70000}; !slices.Equal(sizes, want) {
			t.Errorf("%s without its index: sizes %v", n+ending, sizes)
		}
	}
}

func TestFilters(t *testing.T) {
	w := newWorld(t)
	for i, key := range []string{"a/1.txt", "a/2.gz", "b/3.gz"} {
		w.plant(key, sandbox.Planted{Body: make([]byte, 10*i)})
	}
	at := w.bundle(false).String()
	second := when.Add(time.Second)
	for _, tt := range []struct {
		name string
		f    retrieve.Filter
		want string
	}{
		{"all", retrieve.Filter{}, "a/1.txt a/2.gz b/3.gz"},
		{"a prefix", retrieve.Filter{KeyPrefix: "a/"}, "a/1.txt a/2.gz"},
		{"a glob", retrieve.Filter{Keys: []object.Pattern{object.ParsePattern("*.gz")}}, "a/2.gz b/3.gz"},
		{"one of two", retrieve.Filter{Keys: []object.Pattern{object.ParsePattern("a/1.txt"), object.ParsePattern("b/*")}}, "a/1.txt b/3.gz"},
		{"no smaller", retrieve.Filter{MinSize: 10}, "a/2.gz b/3.gz"},
		{"empty", retrieve.Filter{SizeBelow: 1}, "a/1.txt"},
		{"from", retrieve.Filter{From: second}, "a/2.gz b/3.gz"},
		{"before", retrieve.Filter{Before: second}, "a/1.txt"},
		{"a bucket", retrieve.Filter{Bucket: "src2"}, ""},
		{"a version", retrieve.Filter{VersionID: "v"}, ""},
	} {
		if got := strings.Join(keysOf(w.list(tt.f, at)), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A bad line or a bad index costs nothing else.
func TestListGoesOn(t *testing.T) {
	w := newWorld(t)
	w.store(object.Location{Bucket: "dst", Key: "p/a.index"}, []byte("src1,k1,1,2017-03-30 18:06:13+00:00,\"e\",,\nnonsense\nsrc1,k2,1,2017-03-30 18:06:13+00:00,\"e\",,\n"))
	w.store(object.Location{Bucket: "dst", Key: "p/b.index"}, []byte("src1,k3,1,2017-03-30 18:06:13+00:00,\"e\",,\n"))
	w.store(object.Location{Bucket: "dst", Key: "p/c.index"}, []byte("src1,k4,1,2017-03-30 18:06:13+00:00,\"e\",,\n"))
	w.store(object.Location{Bucket: "dst", Key: "p/manifest.index"}, []byte("src1,k,1\n"))
	for _, n := range []string{"a.tar", "b.tar", "c.tar.gz"} {
		w.store(object.Location{Bucket: "dst", Key: "p/" + n}, nil)
	}
	w.server.SetFaults(sandbox.Rule{Key: "p/b.index", Operation: "GetObject", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
	var keys []string
	var rowErrors, others int
	for e, err := range w.entries(t.Context(), retrieve.Filter{}, "s3://dst/p/") {
		switch {
		case errors.Is(err, index.ErrRow):
			rowErrors++
			if !strings.Contains(err.Error(), "s3://dst/p/a.index") || fault.KindOf(err) != fault.Read {
				t.Errorf("a bad line: %v", err)
			}
		case err != nil:
			others++
			if fault.KindOf(err) != fault.Download {
				t.Errorf("a bad index: %v", err)
			}
		default:
			keys = append(keys, e.Key)
		}
	}
	if rowErrors != 1 || others != 1 || !slices.Equal(keys, []string{"k1", "k2", "k4"}) {
		t.Errorf("%d bad lines, %d bad indexes, keys %q", rowErrors, others, keys)
	}
}

func TestListEnds(t *testing.T) {
	w := newWorld(t)
	w.original()
	for range w.entries(t.Context(), retrieve.Filter{}, "s3://dst/old/") {
		break
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	reason := errors.New("enough")
	n := 0
	var last error
	for _, err := range w.entries(ctx, retrieve.Filter{}, "s3://dst/old/") {
		if n++; n == 3 {
			cancel(reason)
		}
		last = err
	}
	if !errors.Is(last, reason) {
		t.Errorf("cancelled: %v after %d entries", last, n)
	}
	for _, err := range w.entries(t.Context(), retrieve.Filter{}, "s3://dst/nothing/") {
		if fault.KindOf(err) != fault.Download || !strings.Contains(err.Error(), "s3://dst/nothing/") {
			t.Errorf("nothing there: %v", err)
		}
		n = -1
	}
	if n != -1 {
		t.Error("nothing there, and no error")
	}
}
