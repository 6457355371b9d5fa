package retrieve_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
)

// An archive without an index that was cut where it can be read to its end all
// the same, between members or gzip members, is told from a whole one.
func TestMembersOfACutArchive(t *testing.T) {
	for _, compress := range []bool{false, true} {
		w := newWorld(t)
		manyRows(w)
		w.plant(strings.Repeat("long/", 60)+"x", sandbox.Planted{Body: []byte("has a pax header")})
		w.plant("zeros", sandbox.Planted{Body: make([]byte, 4096)})
		at := w.bundle(compress)
		rows := w.rowsAt(at)
		last := len(rows) - 1
		l := object.Location{Bucket: at.Bucket, Key: strings.TrimSuffix(at.Key, ".index") + map[bool]string{false: ".tar", true: ".tar.gz"}[compress]}
		whole := bytes.Clone(w.get(l))
		if err := w.server.Delete(at.Bucket, at.Key); err != nil {
			t.Fatal(err)
		}
		type cut struct {
			at, rows int // bytes and rows that are left
		}
		cuts := []cut{}
		if compress {
			for i, r := range rows {
				if b := int(r.Place.Block); b > 0 && (len(cuts) == 0 || cuts[len(cuts)-1].at != b) {
					cuts = append(cuts, cut{b, i})
				}
			}
		} else {
			end := int(rows[last].Place.Offset) + 4096
			long := int(rows[last-1].Place.Offset)
			cuts = []cut{
				{0, 0}, {int(rows[9].Place.Offset) - 512, 9}, {long - 512, last - 1}, {int(rows[last].Place.Offset) - 512, last},
				{end, last + 1}, {end + 512, last + 1},
			}
			if long-1536 != int(rows[last-2].Place.Offset+rows[last-2].Size+511)/512*512 {
				t.Fatal("the last member but one has no pax header")
			}
		}
		if len(cuts) < 2 {
			t.Fatalf("%d cuts", len(cuts))
		}
		for _, c := range cuts {
			w.store(l, whole[:c.at])
			keys, errs := w.listed(l.String())
			if len(keys) != c.rows || len(errs) != 1 || c.at > 0 && (fault.KindOf(errs[0]) != fault.Read || !strings.Contains(errs[0].Error(), l.String())) {
				t.Errorf("compressed %v, cut at %d: %d rows, want %d; %v", compress, c.at, len(keys), c.rows, errs)
			}
			r := retrieve.NewRestorer(w.s3, toBucket(w, fmt.Sprintf("s3://back/%v-%d", compress, c.at)), retrieve.RestoreOptions{}, w.logger())
			result, err := r.Run(t.Context(), retrieve.Sources(t.Context(), w.s3, []object.Location{l}))
			if err != nil || result.Objects != int64(c.rows) || result.Failed != 1 {
				t.Errorf("compressed %v, cut at %d: restored %+v, %v", compress, c.at, result, err)
			}
		}
		for _, body := range [][]byte{whole, slices.Concat(whole, make([]byte, 9*1024))} { // the original fills archives up
			if compress && len(body) > len(whole) {
				continue
			}
			w.store(l, body)
			if keys, errs := w.listed(l.String()); len(keys) != len(rows) || errs != nil {
				t.Errorf("compressed %v, whole: %d rows, %v", compress, len(keys), errs)
			}
		}
	}
}
