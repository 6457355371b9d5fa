package bundler_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"s3bundler/internal/bundler"
	"s3bundler/internal/fault"
	"s3bundler/internal/layout"
	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
)

func (w *world) remove(l object.Location) {
	w.t.Helper()
	if err := w.s3.Delete(w.t.Context(), object.At(l)); err != nil {
		w.t.Fatal(err)
	}
}

func in(bucket, key string) object.Location { return object.Location{Bucket: bucket, Key: key} }

// An archive is not replaced by one that lacks what has gone from its bucket
// since, nor one for which objects were purged.
func TestLastCopiesStay(t *testing.T) {
	const want = "exit 4"
	for _, tt := range []struct {
		name   string
		purged bool
		change func(w *world, r bundler.Result)
		want   string
	}{
		{"dead letters tidied away", false, func(w *world, _ bundler.Result) { w.remove(layout.DeadLetters(at)) }, want},
		{"dead letters tidied away after a purge", true, func(w *world, _ bundler.Result) { w.remove(layout.DeadLetters(at)) }, "done"},
		{"archive stored anew after a purge", true, func(w *world, r bundler.Result) { w.store(r.Archive, string(w.get(r.Archive))+"\x00") }, want},
		{"other manifest", false, func(w *world, _ bundler.Result) {
			w.plant("b", sandbox.Planted{Body: []byte("b")})
			w.store(at, strings.Join(w.rows, ""))
		}, want},
		{"other manifest after a purge", true, func(w *world, _ bundler.Result) {
			w.plant("b", sandbox.Planted{Body: []byte("b")})
			w.store(at, w.rows[len(w.rows)-1])
		}, want},
		{"nothing", false, func(*world, bundler.Result) {}, "done"},
		{"the object is there again", false, func(w *world, r bundler.Result) {
			w.plant("a", sandbox.Planted{Body: []byte("again")})
			w.remove(layout.DeadLetters(at))
		}, "archived"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.plant("a", sandbox.Planted{Body: []byte("content")})
			w.list("gone", "5")
			first, err := w.bundle(bundler.Options{})
			if err != nil || first.Objects != 1 || first.Letters() != 1 {
				t.Fatalf("%+v, %v", first, err)
			}
			w.remove(in("src1", "a"))
			if tt.purged {
				w.store(layout.PurgeLog(first.Index), "time,outcome\n")
			}
			tt.change(w, first)
			archive, index := w.get(first.Archive), w.get(first.Index)
			r, err := w.bundleAgain(t.Context(), bundler.Options{})
			got := "archived"
			switch {
			case fault.ExitCode(err) == 4 && strings.Contains(err.Error(), first.Index.String()) && strings.Contains(err.Error(), "--prefix"):
				got = want
			case err != nil:
				got = err.Error()
			case r.Done:
				got = "done"
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if same := bytes.Equal(w.get(first.Archive), archive) && bytes.Equal(w.get(first.Index), index); same != (tt.want != "archived") {
				t.Errorf("archive and index are the same: %t", same)
			}
			if open := w.server.Uploads(); len(open) > 0 {
				t.Errorf("uploads stay open: %v", open)
			}
		})
	}
}

// Each content of a big object keeps its copy, whatever becomes of the object.
func TestCopiesOfOneKeyStay(t *testing.T) {
	w := newWorld(t)
	place := layout.In("dst", "archive")
	big := object.Object{Bucket: "src1", Key: "big", EncodedKey: "big"}
	contents := [][]byte{noise(1, 5000), noise(2, 5000), noise(3, 6000)}
	var copies []object.Location
	for i, content := range slices.Concat(contents, contents[:2]) {
		w.rows = nil
		w.plant("big", sandbox.Planted{Body: content})
		m := in("dst", "manifests/"+string(rune('a'+i))+".index")
		w.store(m, w.rows[0])
		r, err := w.bundleAt(t.Context(), m, bundler.Options{MaxSize: 1000})
		if err != nil || r.Copied != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		if i < len(contents) {
			a, err := w.s3.Head(t.Context(), big)
			if err != nil {
				t.Fatal(err)
			}
			to := place.BigObject("src1", big)
			if i > 0 {
				to = place.OtherBigObject("src1", big, a.ETag)
			}
			copies = append(copies, to)
		}
	}
	for i, l := range copies {
		if !bytes.Equal(w.get(l), contents[i]) || w.get(layout.BigObjectMetadata(l)) == nil {
			t.Errorf("%s is not the copy of content %d", l, i)
		}
	}
}
