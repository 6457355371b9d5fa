package retrieve_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
	"s3bundler/internal/store"
)

// cat reads one object.
func (w *world) cat(uri, key string, opt retrieve.CatOptions) ([]byte, error) {
	w.t.Helper()
	s, err := retrieve.One(w.t.Context(), w.s3, locations(w.t, uri)[0])
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = retrieve.Cat(w.t.Context(), w.s3, s, key, &out, opt)
	return out.Bytes(), err
}

func TestCatOwn(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprintf("compressed %v", compress), func(t *testing.T) {
			w := newWorld(t)
			w.allKinds()
			at := w.bundle(compress).String()
			for i, key := range w.keys {
				if i%10 != 0 && strings.HasPrefix(key, "logs/") || strings.HasPrefix(key, "special/big") {
					continue
				}
				want := w.planted[key].Body
				w.server.ResetStats()
				got, err := w.cat(at, key, retrieve.CatOptions{})
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%q: %d bytes, %v; want %d", key, len(got), err, len(want))
				}
				if n := w.server.Stats().Requests["GetObject"]; n > 2 {
					t.Errorf("%q: %d GETs, want one of the index and one of the archive", key, n)
				}
				if len(want) < 50 {
					continue
				}
				got, err = w.cat(at, key, retrieve.CatOptions{Range: store.Range{Offset: 10, Length: 20}})
				if err != nil || !bytes.Equal(got, want[10:30]) {
					t.Errorf("20 bytes of %q: %q, %v", key, got, err)
				}
				got, err = w.cat(at, key, retrieve.CatOptions{Range: store.Range{Offset: 40, Length: 1 << 40}})
				if err != nil || !bytes.Equal(got, want[40:]) {
					t.Errorf("the end of %q: %d bytes, %v", key, len(got), err)
				}
			}
			big := "s3://dst/archive/" + copyOf(t, w, "special/big")
			want := w.planted["special/big"].Body
			for _, args := range [][2]string{{big, ""}, {big + ".metadata", ""}, {big, "special/big"}} {
				if got, err := w.cat(args[0], args[1], retrieve.CatOptions{}); err != nil || !bytes.Equal(got, want) {
					t.Errorf("the copy %q: %d bytes, %v", args, len(got), err)
				}
			}
			if got, err := w.cat(big, "", retrieve.CatOptions{Range: store.Range{Offset: 5, Length: 5}}); err != nil || !bytes.Equal(got, want[5:10]) {
				t.Errorf("5 bytes of the copy: %q, %v", got, err)
			}
		})
	}
}

func TestCatOriginal(t *testing.T) {
	w := newWorld(t)
	w.original()
	for _, n := range []string{"c3e7f3/src1/src1-export-2017-03-30T18-06Z-manifest.0", "c4fa0c/src1/src1-export-2017-03-30T18-06Z-manifest.1"} {
		at := "s3://dst/old/" + n + ".index"
		for _, e := range w.list(retrieve.Filter{}, at) {
			got, err := w.cat(at, e.Key, retrieve.CatOptions{})
			if err != nil || md5of(got) != e.Row.Checksum {
				t.Errorf("%s from %s: %d bytes, %v", e.Key, at, len(got), err)
			}
			if len(got) > 60 {
				part, err := w.cat(at, e.Key, retrieve.CatOptions{Range: store.Range{Offset: 50, Length: 10}})
				if err != nil || !bytes.Equal(part, got[50:60]) {
					t.Errorf("a range of %s: %q, %v", e.Key, part, err)
				}
			}
		}
	}
	if got, err := w.cat("s3://dst/old/d7fdd5/src1/bigobjects/big/one.bin", "", retrieve.CatOptions{}); err != nil || len(got) != 5000 {
		t.Errorf("the copy: %d bytes, %v", len(got), err)
	}
}

func TestCatRefuses(t *testing.T) {
	w := newWorld(t)
	w.plant("k", sandbox.Planted{Body: []byte("content")})
	at := w.bundle(false)
	tar := object.Location{Bucket: "dst", Key: strings.TrimSuffix(at.Key, ".index") + ".tar"}
	good := w.get(tar)
	index := at.String()
	// refused is what each attempt ends with.
	refused := func(name, uri, key string, opt retrieve.CatOptions, kind fault.Kind, reason fault.Reason, says ...string) {
		t.Helper()
		_, err := w.cat(uri, key, opt)
		if fault.KindOf(err) != kind || fault.ReasonOf(err) != reason {
			t.Errorf("%s: kind %d, reason %q: %v", name, fault.KindOf(err), fault.ReasonOf(err), err)
			return
		}
		for _, s := range says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q is not in %v", name, s, err)
			}
		}
		t.Logf("%s: %v", name, err)
	}
	refused("a key that is not there", index, "none", retrieve.CatOptions{}, fault.Download, fault.NoSuchKey, "none", index, "no such object")
	w.store(object.Location{Bucket: "dst", Key: "no.index"}, []byte("# notes\n\nnothing of an index\n"))
	w.store(object.Location{Bucket: "dst", Key: "no.tar"}, nil)
	refused("a file that is no index", "s3://dst/no.index", "k", retrieve.CatOptions{}, fault.Read, "", "s3://dst/no.index", "line 1")
	refused("no such index", "s3://dst/none.index", "k", retrieve.CatOptions{}, fault.Download, fault.NoSuchKey, "s3://dst/none.index")
	refused("a prefix", "s3://dst/archive/", "k", retrieve.CatOptions{}, fault.Usage, "", "s3bundler find")
	refused("a range beyond the end", index, "k", retrieve.CatOptions{Range: store.Range{Offset: 7, Length: 1}}, fault.Usage, "", "7 bytes")

	flipped := bytes.Clone(good)
	flipped[512+3] ^= 1
	w.store(tar, flipped)
	refused("another archive", index, "k", retrieve.CatOptions{}, fault.Read, "", tar.String(), index, "--any-etag")
	refused("damaged content", index, "k", retrieve.CatOptions{AnyETag: true}, fault.Download, fault.ChecksumMismatch, "CRC64NVME", "s3://src1/k", tar.String())
	if got, err := w.cat(index, "k", retrieve.CatOptions{AnyETag: true, NoCheck: true}); err != nil || string(got) != "conuent" {
		t.Errorf("unchecked: %q, %v", got, err)
	}
	w.store(tar, good[:514])
	refused("a truncated archive", index, "k", retrieve.CatOptions{AnyETag: true}, fault.Download, fault.ChecksumMismatch)
	if err := w.s3.Delete(t.Context(), object.At(tar)); err != nil {
		t.Fatal(err)
	}
	refused("no archive", index, "k", retrieve.CatOptions{}, fault.Download, fault.NoSuchKey, index)
	if _, _, err := w.server.Plant(tar.Bucket, tar.Key, sandbox.Planted{Body: good, StorageClass: "DEEP_ARCHIVE"}); err != nil {
		t.Fatal(err)
	}
	refused("a cold archive", index, "k", retrieve.CatOptions{}, fault.Download, fault.Glacier, "DEEP_ARCHIVE", "--request-restore")
}

func TestCatOfSeveral(t *testing.T) {
	w := newWorld(t)
	tar := object.Location{Bucket: "dst", Key: "v.tar"}
	w.store(tar, []byte("0123456789"))
	w.store(object.Location{Bucket: "dst", Key: "v.index"}, []byte(
		"a,k,1,,\"x\",,,0,0,,,v1,\na,k,1,,\"y\",,,1,0,,,v2,\nb,k,1,,\"z\",,,2,0,,,v3,\n"))
	if _, err := w.cat("s3://dst/v.index", "k", retrieve.CatOptions{}); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "--version-id") {
		t.Errorf("several objects: %v", err)
	}
	for want, opt := range map[string]retrieve.CatOptions{"1": {VersionID: "v2"}, "2": {Bucket: "b"}} {
		if got, err := w.cat("s3://dst/v.index", "k", opt); err != nil || string(got) != want {
			t.Errorf("%+v: %q, %v", opt, got, err)
		}
	}
}

// Also without version IDs several buckets may have a key; an index is then
// read to its end, unless the bucket is named.
func TestCatOfSeveralBuckets(t *testing.T) {
	w := newWorld(t)
	at := object.Location{Bucket: "dst", Key: "v.index"}
	w.store(object.Location{Bucket: "dst", Key: "v.tar"}, []byte("0123456789"))
	w.store(at, []byte("a,k,1,,\"x\",,,0,0,,,,\na,l,1,,\"y\",,,1,0,,,,\nb,k,1,,\"z\",,,2,0,,,,\nb,l,1,,\"y\",,,3,0,,,,\n"))
	for _, key := range []string{"k", "l"} { // l has the same content in both
		if got, err := w.cat(at.String(), key, retrieve.CatOptions{}); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "--source-bucket") {
			t.Errorf("%s in several buckets: %q, %v", key, got, err)
		}
	}
	for bucket, want := range map[string]string{"a": "0", "b": "2"} {
		if got, err := w.cat(at.String(), "k", retrieve.CatOptions{Bucket: bucket}); err != nil || string(got) != want {
			t.Errorf("of bucket %s: %q, %v", bucket, got, err)
		}
	}
	// A cut archive gives what it has, but does not say that it is all.
	w.plant("one", sandbox.Planted{Body: []byte("one")})
	w.plant("two", sandbox.Planted{Body: []byte("two")})
	tar := object.Location{Bucket: "dst", Key: "cut.tar"}
	w.store(tar, w.get(object.Location{Bucket: "dst", Key: strings.TrimSuffix(w.bundle(false).Key, ".index") + ".tar"})[:1024])
	if got, err := w.cat(tar.String(), "one", retrieve.CatOptions{}); fault.KindOf(err) != fault.Read || !strings.Contains(err.Error(), "--source-bucket src1") {
		t.Errorf("of a cut archive: %q, %v", got, err)
	}
	if got, err := w.cat(tar.String(), "one", retrieve.CatOptions{Bucket: "src1"}); err != nil || string(got) != "one" {
		t.Errorf("of a cut archive, with the bucket: %q, %v", got, err)
	}
}

// brokenPipe fails every write.
type brokenPipe struct{}

var errPipe = errors.New("broken pipe")

func (brokenPipe) Write([]byte) (int, error) { return 0, errPipe }

func TestCatToABrokenPipe(t *testing.T) {
	w := newWorld(t)
	w.plant("k", sandbox.Planted{Body: []byte("content")})
	s := retrieve.Source{Index: object.At(w.bundle(false))}
	err := retrieve.Cat(t.Context(), w.s3, s, "k", brokenPipe{}, retrieve.CatOptions{})
	if !errors.Is(err, errPipe) || fault.KindOf(err) != fault.Write {
		t.Errorf("%v", err)
	}
}
