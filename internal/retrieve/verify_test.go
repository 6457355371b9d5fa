package retrieve_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"s3bundler/internal/archive"
	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
)

// verify verifies places and returns what was found.
func (w *world) verify(opt retrieve.VerifyOptions, uris ...string) []retrieve.Finding {
	w.t.Helper()
	opt.Archives, opt.Limiter = 3, fetch.NewLimiter(16)
	if opt.Manifests != nil {
		opt.Fields = manifest.DefaultFields()
	}
	var fs []retrieve.Finding
	for f, err := range retrieve.Verify(w.t.Context(), w.s3, locations(w.t, uris...), opt) {
		if err != nil {
			w.t.Fatal(err)
		}
		fs = append(fs, f)
	}
	return fs
}

// kindsOf lists the kinds of findings with their objects.
func kindsOf(fs []retrieve.Finding) []string {
	var kinds []string
	for _, f := range fs {
		k := string(f.Kind)
		if f.Object.Key != "" {
			k += " " + f.Object.Key
		}
		kinds = append(kinds, k)
	}
	return kinds
}

// alter replaces an object by what change makes of it, and nothing else about
// it: ETag and metadata stay.
func (w *world) alter(l object.Location, change func([]byte) []byte) {
	w.t.Helper()
	attr, err := w.s3.Head(w.t.Context(), object.At(l))
	if err != nil {
		w.t.Fatal(err)
	}
	meta := map[string]string{}
	for _, p := range attr.Metadata {
		meta[p.Name] = p.Value
	}
	body := change(bytes.Clone(w.get(l)))
	if _, _, err := w.server.Plant(l.Bucket, l.Key, sandbox.Planted{Body: body, ETag: attr.ETag, Metadata: meta}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) rowsAt(l object.Location) []index.Row {
	w.t.Helper()
	var rows []index.Row
	for r, err := range index.Read(bytes.NewReader(w.get(l))) {
		if err != nil {
			w.t.Fatal(err)
		}
		rows = append(rows, r)
	}
	return rows
}

func TestVerifyHolds(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprintf("compressed %v", compress), func(t *testing.T) {
			w := newWorld(t)
			w.allKinds()
			w.rows = append(w.rows, "src1,gone,1\n", "no row at all\n", "src1,gone,1\n")
			at := w.bundle(compress)
			var p retrieve.VerifyProgress
			opt := retrieve.VerifyOptions{Sources: true, Manifests: locations(t, "s3://dst/manifests/"), Progress: &p}
			if fs := w.verify(opt, "s3://dst/archive/"); len(fs) > 0 {
				t.Errorf("found %q", fs)
			}
			n := int64(len(w.keys))
			if p.Objects.Load() != n || p.Sources.Load() != n || p.Archives.Load() != 3 || p.Rows.Load() != n+3 || p.Manifests.Load() != 1 || p.Unchecked.Load() != 0 {
				t.Errorf("%d of %d objects, %d sources, %d archives, %d rows, %d unchecked",
					p.Objects.Load(), n, p.Sources.Load(), p.Archives.Load(), p.Rows.Load(), p.Unchecked.Load())
			}
			opt.Manifests, opt.Sources = locations(t, "s3://dst/"), false
			if fs := w.verify(opt, at.String()); len(fs) > 0 {
				t.Errorf("one index, manifests in the whole bucket: found %q", fs)
			}
		})
	}
}

func TestVerifyOriginal(t *testing.T) {
	w := newWorld(t)
	w.original()
	var p retrieve.VerifyProgress
	if fs := w.verify(retrieve.VerifyOptions{Progress: &p}, "s3://dst/old/"); len(fs) > 0 {
		t.Errorf("found %q", fs)
	}
	if p.Objects.Load() != 17 || p.Archives.Load() != 3 || p.Unchecked.Load() != 0 {
		t.Errorf("%d objects in %d archives, %d unchecked", p.Objects.Load(), p.Archives.Load(), p.Unchecked.Load())
	}
	const at = "s3://dst/old/c3e7f3/src1/src1-export-2017-03-30T18-06Z-manifest.0"
	tar := locations(t, at+".tar")[0]
	clean := w.get(tar)
	for _, tt := range []struct {
		name string
		flip int
		want string
	}{
		{"the time in a pax header", bytes.Index(clean, []byte("mtime=149")) + 6, "BadHeader logs/000/obj-000000.bin"},
		{"the filling of a pax header", 512 + 100, "BadHeader logs/000/obj-000000.bin"},
		{"the end", len(clean) - 1, "Trailing"},
		{"content", 2000, "BadContent logs/000/obj-000000.bin"},
	} {
		w.alter(tar, flipped(tt.flip))
		if got := kindsOf(w.verify(retrieve.VerifyOptions{}, at+".index")); !slices.Equal(got, []string{tt.want}) {
			t.Errorf("%s: found %q, want %q", tt.name, got, tt.want)
		}
		w.alter(tar, func([]byte) []byte { return clean })
	}
	gz := locations(t, "s3://dst/old/c4fa0c/src1/src1-export-2017-03-30T18-06Z-manifest.1.tar.gz")[0]
	w.alter(gz, flipped(len(w.get(gz))/2))
	if got := kindsOf(w.verify(retrieve.VerifyOptions{}, gz.String())); len(got) == 0 || !slices.Contains(got, "Damaged") {
		t.Errorf("gzip: found %q", got)
	}
}

func flipped(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[at] ^= 0x04
		return b
	}
}

// manyRows plants objects so that a compressed archive of them has several
// blocks.
func manyRows(w *world) {
	for i := range 36 {
		g := &sandbox.Generated{Size: 80_000, Seed: uint64(i)}
		if i == 20 {
			g.Size = 79_999 // there are bytes to fill it up
		}
		w.plant(fmt.Sprintf("k%02d", i), sandbox.Planted{Generated: g})
	}
}

// TestVerifyFinds plants one fault at a time, in a tar and in its compressed
// form, and wants it found, and nothing else.
func TestVerifyFinds(t *testing.T) {
	for _, compress := range []bool{false, true} {
		w := newWorld(t)
		manyRows(w)
		at := w.bundle(compress)
		tar := object.Location{Bucket: at.Bucket, Key: strings.TrimSuffix(at.Key, ".index") + map[bool]string{false: ".tar", true: ".tar.gz"}[compress]}
		rows := w.rowsAt(at)
		body, lines := bytes.Clone(w.get(tar)), bytes.Clone(w.get(at))
		place := func(i int) int { return int(rows[i].Place.Offset) } // of a plain tar
		inRow := func(i int, change func(*index.Row)) func([]byte) []byte {
			return func([]byte) []byte {
				var b []byte
				for j, r := range w.rowsAt(at) {
					if j == i {
						change(&r)
					}
					b = r.Append(b)
				}
				return b
			}
		}
		line := func(i int) []byte { return rows[i].Append(nil) }
		lost := func(from, to int) (all []string) {
			for i := from; i < to; i++ {
				all = append(all, "Lost "+rows[i].Key)
			}
			return all
		}
		type fault struct {
			name  string
			l     object.Location
			alter func([]byte) []byte
			want  []string
		}
		faults := []fault{
			{"an index row off by 512", at, inRow(7, func(r *index.Row) { r.Place.Offset += 512 }), []string{"BadPlace k07"}},
			{"an index row in another block", at, inRow(30, func(r *index.Row) { r.Place.Block += 3 }), []string{"BadPlace k30"}},
			{"a wrong size", at, inRow(7, func(r *index.Row) { r.Size++ }), []string{"BadHeader k07", "BadContent k07"}},
			{"a wrong checksum", at, inRow(7, func(r *index.Row) { r.CRC64NVME = rows[8].CRC64NVME }), []string{"BadContent k07"}},
			{"a wrong time", at, inRow(7, func(r *index.Row) { r.LastModified = r.LastModified.Add(1e9) }), []string{"BadHeader k07"}},
			{"a row too many", at, func(b []byte) []byte {
				return bytes.Replace(b, line(9), append(bytes.ReplaceAll(line(9), []byte("k09"), []byte("more")), line(9)...), 1)
			}, []string{"NoMember more"}},
			{"a row missing", at, func(b []byte) []byte { return bytes.Replace(b, line(9), nil, 1) }, []string{"NoRow k09"}},
			{"the last row missing", at, func(b []byte) []byte { return bytes.Replace(b, line(35), nil, 1) }, []string{"NoRow k35"}},
			{"a row twice", at, func(b []byte) []byte { return append(b, line(9)...) }, []string{"Twice k09", "NoMember k09"}},
			{"a line that is no row", at, func(b []byte) []byte { return append(b, "what,is,this\n"...) }, []string{"BadIndexRow"}},
			{"no rows", at, func([]byte) []byte { return nil }, slices.Repeat([]string{"NoRow"}, 36)},
		}
		if compress {
			// The block that k20 is in, and the first of the next.
			k20, next := 20, 20
			for rows[next].Place.Block == rows[k20].Place.Block {
				next++
			}
			for k20 > 0 && rows[k20-1].Place.Block == rows[next-1].Place.Block {
				k20--
			}
			faults = append(faults,
				fault{"a flipped byte in a gzip header", tar, flipped(int(rows[20].Place.Block)), append([]string{"Damaged"}, lost(k20, next)...)},
				fault{"a flipped byte in a gzip trailer", tar, flipped(int(rows[next].Place.Block) - 6), []string{"Damaged"}},
				fault{"a block's length", at, inRow(30, func(r *index.Row) { r.Place.BlockLength -= 5 }), []string{"BadPlace k30"}},
				fault{"truncated after a gzip member", tar, func(b []byte) []byte { return b[:rows[next].Place.Block] },
					append([]string{"Truncated"}, lost(next, 36)...)},
				fault{"bytes after the end", tar, func(b []byte) []byte { return append(b, "more than there should be"...) }, []string{"Damaged"}},
			)
		} else {
			member := body[place(9)-512 : place(10)-512]
			faults = append(faults,
				fault{"a flipped byte in a member", tar, flipped(place(12) + 50), []string{"BadContent k12"}},
				fault{"a flipped byte in a header", tar, flipped(place(12) - 512 + 140), append([]string{"Damaged"}, lost(12, 13)...)},
				fault{"a flipped byte behind a header's checksum", tar, flipped(place(12) - 512 + 155), []string{"BadHeader k12"}},
				fault{"a flipped byte in the first header", tar, flipped(1), append([]string{"Damaged"}, lost(0, 1)...)},
				fault{"a flipped byte in the last header", tar, flipped(place(35) - 512), append([]string{"Damaged"}, lost(35, 36)...)},
				fault{"a flipped byte between members", tar, flipped(place(20) + 79_999), []string{"BadHeader k21"}},
				fault{"a flipped byte in the end", tar, flipped(len(body) - 700), []string{"Damaged"}},
				fault{"truncated in a member", tar, func(b []byte) []byte { return b[:place(30)+700] },
					append([]string{"Lost k30", "Truncated"}, lost(31, 36)...)},
				fault{"truncated between members", tar, func(b []byte) []byte { return b[:place(30)-512] }, append([]string{"Truncated"}, lost(30, 36)...)},
				fault{"truncated in the end", tar, func(b []byte) []byte { return b[:len(b)-512] }, []string{"Truncated"}},
				fault{"nothing left", tar, func([]byte) []byte { return nil }, append([]string{"Truncated"}, lost(0, 36)...)},
				fault{"bytes after the end", tar, func(b []byte) []byte { return append(b, 0) }, []string{"Trailing"}},
				fault{"a member twice", tar, func(b []byte) []byte { return slices.Insert(b, len(b)-1024, member...) }, []string{"Twice k09"}},
				fault{"a member too many", tar, func(b []byte) []byte {
					more := append(archive.AppendHeader(nil, "src1/more", 512, when), make([]byte, 512)...)
					return slices.Insert(b, len(b)-1024, more...)
				}, []string{"NoRow more"}},
			)
		}
		for _, f := range faults {
			w.alter(f.l, f.alter)
			var got []string
			for _, k := range kindsOf(w.verify(retrieve.VerifyOptions{}, at.String())) {
				if f.name == "no rows" {
					k, _, _ = strings.Cut(k, " ")
				}
				got = append(got, k)
			}
			slices.Sort(got)
			slices.Sort(f.want)
			if !slices.Equal(got, f.want) {
				t.Errorf("compressed %v, %s: found %q, want %q", compress, f.name, got, f.want)
			}
			w.alter(tar, func([]byte) []byte { return body })
			w.alter(at, func([]byte) []byte { return lines })
		}
		if fs := w.verify(retrieve.VerifyOptions{}, at.String()); len(fs) > 0 {
			t.Fatalf("compressed %v: the test has left damage: %q", compress, fs)
		}
	}
}

// TestVerifyEveryByte flips each bit of a small compressed and a plain archive,
// one at a time: none may go unnoticed.
func TestVerifyEveryByte(t *testing.T) {
	for _, compress := range []bool{false, true} {
		w := newWorld(t)
		for _, key := range []string{"a", "b/" + strings.Repeat("c", 120), "d"} {
			w.plant(key, sandbox.Planted{Body: []byte("the content of " + key)})
		}
		at := w.bundle(compress)
		tar := object.Location{Bucket: at.Bucket, Key: strings.TrimSuffix(at.Key, ".index") + map[bool]string{false: ".tar", true: ".tar.gz"}[compress]}
		clean := bytes.Clone(w.get(tar))
		step := 1
		if !compress {
			step = 7 // a tar is all alike, and long
		}
		for i := 0; i < len(clean); i += step {
			changed := flipped(i)(bytes.Clone(clean))
			w.alter(tar, func([]byte) []byte { return changed })
			fs := w.verify(retrieve.VerifyOptions{}, at.String())
			// A gzip header tells time, level and system, which mean nothing
			// to its content; a run of zeros can be repeated from anywhere.
			if len(fs) == 0 && !(compress && bytes.Equal(gunzip(t, changed), gunzip(t, clean))) {
				t.Errorf("compressed %v: byte %d of %d was changed, and nothing found", compress, i, len(clean))
			}
		}
	}
}

func gunzip(t *testing.T, b []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestVerifyBetweenObjects(t *testing.T) {
	w := newWorld(t)
	w.plant("a", sandbox.Planted{Body: []byte("a")})
	w.plant("big", sandbox.Planted{Generated: &sandbox.Generated{Size: maxSize + 1}})
	w.plant("parts", sandbox.Planted{Body: bytes.Repeat([]byte("p"), 300<<10), PartSize: 100 << 10, Checksum: "none"})
	w.rows = append(w.rows, "src1,gone,1\n")
	at := w.bundle(false)
	tar := object.Location{Bucket: at.Bucket, Key: strings.TrimSuffix(at.Key, ".index") + ".tar"}
	copied := locations(t, "s3://dst/archive/"+copyOf(t, w, "big"))[0]
	m := object.Location{Bucket: "dst", Key: "manifests/src1-export-2017-03-30T18-06Z-manifest.0.index"}
	dlq := layout.DeadLetters(m)
	keep := map[object.Location][]byte{}
	for _, l := range []object.Location{at, tar, copied, layout.BigObjectMetadata(copied), m, dlq} {
		keep[l] = bytes.Clone(w.get(l))
	}
	remove := func(ls ...object.Location) func() {
		return func() {
			for _, l := range ls {
				if err := w.server.Delete(l.Bucket, l.Key); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	source := func(key string, p sandbox.Planted) func() {
		return func() { w.plantAgain(key, p) }
	}
	for _, tt := range []struct {
		name string
		do   func()
		want []string
	}{
		{"nothing", func() {}, nil},
		{"a source is gone", func() { remove(object.Location{Bucket: "src1", Key: "a"})() }, []string{"SourceGone a"}},
		{"a source has changed", source("a", sandbox.Planted{Body: []byte("b")}), []string{"SourceChanged a"}},
		{"a source of several parts has changed", source("parts", sandbox.Planted{Body: bytes.Repeat([]byte("q"), 300<<10), PartSize: 100 << 10, Checksum: "none"}), []string{"SourceChanged parts"}},
		{"a source in parts is one again", source("parts", sandbox.Planted{Body: bytes.Repeat([]byte("p"), 300<<10)}), nil},
		{"a big source has changed", source("big", sandbox.Planted{Generated: &sandbox.Generated{Size: maxSize + 1, Seed: 9}}), []string{"SourceChanged big"}},
		{"a row in neither place", func() { w.alter(m, func(b []byte) []byte { return append(b, "src1,else,5\n"...) }) }, []string{"Unaccounted else"}},
		{"a row twice", func() { w.alter(m, func(b []byte) []byte { return append(b, "src1,a,1\n"...) }) }, []string{"Unaccounted a"}},
		{"a row gone from the manifest", func() { w.alter(m, func(b []byte) []byte { return bytes.Replace(b, []byte("src1,a,1\n"), nil, 1) }) }, []string{"NotListed a"}},
		{"a dead letter gone", func() { w.alter(dlq, func([]byte) []byte { return nil }) }, []string{"BadLetters", "Unaccounted gone"}},
		{"the dead letters gone", remove(dlq), []string{"BadLetters", "Unaccounted gone"}},
		{"the manifest replaced", func() { w.store(m, append(bytes.Clone(keep[m]), '\n')) }, []string{"ManifestChanged"}},
		{"the index gone", remove(at), []string{"NoIndex", "NotArchived"}},
		{"the archive gone", remove(tar), []string{"Unreadable"}},
		{"the archive replaced", func() { w.store(tar, append(bytes.Clone(keep[tar]), 1)) }, []string{"Replaced", "Trailing"}},
		{"a copy damaged", func() { w.alter(copied, flipped(4711)) }, []string{"BadContent big"}},
		{"a copy gone", remove(copied), []string{"Unreadable", "Unaccounted big"}},
		{"a copy's metadata gone", remove(layout.BigObjectMetadata(copied)), []string{"NoIndex", "Unaccounted big"}},
	} {
		metadata := map[object.Location]object.Attributes{}
		for l := range keep {
			metadata[l] = w.headOf(l)
		}
		tt.do()
		opt := retrieve.VerifyOptions{Sources: true, Manifests: locations(t, "s3://dst/manifests/")}
		got := kindsOf(w.verify(opt, "s3://dst/archive/"))
		slices.Sort(got)
		slices.Sort(tt.want)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: found %q, want %q", tt.name, got, tt.want)
		}
		for key, p := range w.planted {
			w.plantAgain(key, p)
		}
		for l, body := range keep {
			w.putBack(l, metadata[l], body)
		}
	}
}

// A manifest may have rows of several buckets, whose copies lie apart.
func TestVerifySeveralBuckets(t *testing.T) {
	w := newWorld(t)
	if err := w.server.CreateBucket("src2", sandbox.BucketOptions{}); err != nil {
		t.Fatal(err)
	}
	w.plant("a", sandbox.Planted{Body: []byte("a")})
	if _, _, err := w.server.Plant("src2", "big", sandbox.Planted{Generated: &sandbox.Generated{Size: maxSize + 1}, Modified: when}); err != nil {
		t.Fatal(err)
	}
	w.rows = append(w.rows, fmt.Sprintf("src2,big,%d\n", maxSize+1))
	w.bundle(false)
	var p retrieve.VerifyProgress
	opt := retrieve.VerifyOptions{Sources: true, Manifests: locations(t, "s3://dst/manifests/"), Progress: &p}
	if fs := w.verify(opt, "s3://dst/archive/"); len(fs) > 0 || p.Objects.Load() != 2 {
		t.Errorf("of %d objects: found %q", p.Objects.Load(), fs)
	}
}

func (w *world) headOf(l object.Location) object.Attributes {
	w.t.Helper()
	attr, err := w.s3.Head(w.t.Context(), object.At(l))
	if err != nil {
		w.t.Fatal(err)
	}
	return attr
}

// plantAgain replaces a source object; the zero time means a moment later than
// all that was planted.
func (w *world) plantAgain(key string, p sandbox.Planted) {
	w.t.Helper()
	if p.Modified.IsZero() {
		p.Modified = when.AddDate(1, 0, 0)
	}
	if _, _, err := w.server.Plant("src1", key, p); err != nil {
		w.t.Fatal(err)
	}
}

// putBack puts an object back as it was.
func (w *world) putBack(l object.Location, attr object.Attributes, body []byte) {
	w.t.Helper()
	meta := map[string]string{}
	for _, p := range attr.Metadata {
		meta[p.Name] = p.Value
	}
	if _, _, err := w.server.Plant(l.Bucket, l.Key, sandbox.Planted{Body: body, ETag: attr.ETag, Metadata: meta}); err != nil {
		w.t.Fatal(err)
	}
}

// TestVerifyCorruptAnswer changes what S3 says, not what it holds: its
// checksum tells.
func TestVerifyCorruptAnswer(t *testing.T) {
	w := newWorld(t)
	w.plant("a", sandbox.Planted{Body: []byte("a")})
	at := w.bundle(false)
	w.server.SetFaults(sandbox.Rule{Operation: "GetObject", Key: "*.tar", Fault: sandbox.Fault{Kind: sandbox.WrongChecksum}})
	if got := kindsOf(w.verify(retrieve.VerifyOptions{}, at.String())); !slices.Equal(got, []string{"Damaged"}) {
		t.Errorf("found %q", got)
	}
	w.server.SetFaults(sandbox.Rule{Operation: "GetObject", Key: "*.tar", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
	if got := kindsOf(w.verify(retrieve.VerifyOptions{}, at.String())); !slices.Equal(got, []string{"Unreadable"}) {
		t.Errorf("found %q", got)
	}
}
