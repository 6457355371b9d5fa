package retrieve_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"s3bundler/internal/bundler"
	"s3bundler/internal/fault"
	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
)

// listed lists places and returns the keys found, and the errors.
func (w *world) listed(uris ...string) (keys []string, errs []error) {
	w.t.Helper()
	for e, err := range w.entries(w.t.Context(), retrieve.Filter{}, uris...) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		keys = append(keys, e.Key)
	}
	slices.Sort(keys)
	return keys, errs
}

// Of what is half gone below a prefix, every command that reads says so, and
// gives what else there is.
func TestHalves(t *testing.T) {
	w := newWorld(t)
	w.plant("a", sandbox.Planted{Body: []byte("a")})
	w.plant("big", sandbox.Planted{Generated: &sandbox.Generated{Size: maxSize + 1}})
	w.plant("big.metadata", sandbox.Planted{Generated: &sandbox.Generated{Size: maxSize + 2}})
	at := w.bundle(false)
	tar := object.Location{Bucket: at.Bucket, Key: strings.TrimSuffix(at.Key, ".index") + ".tar"}
	copied := locations(t, "s3://dst/archive/"+copyOf(t, w, "big"))[0]
	named := layout.In("dst", "archive").BigObject("src1", object.Object{Key: "big.metadata", EncodedKey: "big.metadata"})
	// What lies about below the prefix, and is nothing of an archive's.
	for _, key := range []string{
		"notes.tar", "manifests/x.0.index", "manifests/x.0.index.dlq", "c3e7f3/src1/notes.index", strings.TrimPrefix(at.Key, "archive/") + ".purged.csv",
		strings.TrimSuffix(strings.TrimPrefix(copied.Key, "archive/"), "big"), strings.TrimSuffix(strings.TrimPrefix(copied.Key, "archive/"), "big") + "folder/",
	} {
		w.store(object.Location{Bucket: "dst", Key: "archive/" + key}, nil)
	}
	if keys, errs := w.listed("s3://dst/archive/"); len(keys) != 3 || errs != nil {
		t.Fatalf("whole: %q, %v", keys, errs)
	}
	for _, tt := range []struct {
		gone, left object.Location
		keys, says string
		finding    retrieve.FindingKind
	}{
		{at, tar, "big big.metadata", "its bundle is not finished", retrieve.NoIndex},
		{tar, at, "big big.metadata", "if it was deleted", retrieve.Unreadable},
		{layout.BigObjectMetadata(copied), copied, "a big.metadata", "its bundle is not finished", retrieve.NoIndex},
		{copied, layout.BigObjectMetadata(copied), "a big.metadata", "if it was deleted", retrieve.Unreadable},
		{layout.BigObjectMetadata(named), named, "a big", "its bundle is not finished", retrieve.NoIndex},
		{named, layout.BigObjectMetadata(named), "a big", "if it was deleted", retrieve.Unreadable},
	} {
		attr, body := w.headOf(tt.gone), bytes.Clone(w.get(tt.gone))
		if err := w.server.Delete(tt.gone.Bucket, tt.gone.Key); err != nil {
			t.Fatal(err)
		}
		keys, errs := w.listed("s3://dst/archive/")
		if strings.Join(keys, " ") != tt.keys || len(errs) != 1 {
			t.Errorf("without %s: listed %q, %v", tt.gone, keys, errs)
		} else if err := errs[0]; fault.KindOf(err) != fault.Download || !strings.Contains(err.Error(), tt.left.String()+": ") || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("without %s: %v", tt.gone, err)
		}
		if fs := w.verify(retrieve.VerifyOptions{}, "s3://dst/archive/"); len(fs) != 1 || fs[0].Kind != tt.finding || fs[0].Where != tt.left {
			t.Errorf("without %s: verify finds %q", tt.gone, fs)
		}
		r := retrieve.NewRestorer(w.s3, toBucket(w, "s3://back/"+md5of([]byte(tt.gone.Key))), retrieve.RestoreOptions{}, w.logger())
		result, err := r.Run(t.Context(), retrieve.Sources(t.Context(), w.s3, locations(t, "s3://dst/archive/")))
		if err != nil || result.Failed != 1 || result.Objects != int64(len(keys)) || fault.KindOf(r.FirstError()) != fault.Download {
			t.Errorf("without %s: restored %+v, %v, %v", tt.gone, result, err, r.FirstError())
		}
		if out := w.purge(w.s3, retrieve.PurgeOptions{}, "s3://dst/archive/"); out[""] != retrieve.Unverified || len(out) != 1+len(keys) {
			t.Errorf("without %s: purge says %v", tt.gone, out)
		}
		path := filepath.Join(t.TempDir(), "catalogue")
		if c := w.catalogue(path, "s3://dst/archive/"); c.Failed.Load() != 1 || strings.Join(keysOf(w.search(path, retrieve.Filter{})), " ") != tt.keys {
			t.Errorf("without %s: %d not in the catalogue, which has %q", tt.gone, c.Failed.Load(), keysOf(w.search(path, retrieve.Filter{})))
		}
		w.putBack(tt.gone, attr, body)
		if c := w.catalogue(path, "s3://dst/archive/"); c.Failed.Load() != 0 || c.Indexes.Load() != 1 || len(w.search(path, retrieve.Filter{})) != 3 {
			t.Errorf("with %s again: read %d into the catalogue, %d failed", tt.gone, c.Indexes.Load(), c.Failed.Load())
		}
	}
}

// Names that read in two ways: a prefix that looks like a hash, before a bucket
// that is called what the folder of copies is, and copies of archives.
func TestAmbiguousNames(t *testing.T) {
	for _, tt := range []struct{ prefix, bucket, tarred, copied string }{
		{"202611", "bigobjects", "a", "big"},
		{"x/202611", "bigobjects", "bigobjects/a", "bigobjects/big"},
		{"202611/x/bigobjects", "src1", "a", "big"},
		{"archive", "abcdef", "a", "big"},
		{"archive", "src1", "a", "old/c3e7f3/src1/src1-export-2017-03-30T18-06Z-manifest.0.tar"},
		{"archive", "src1", "a", "old/c3e7f3/src1/src1-export-2017-03-30T18-06Z-manifest.0.index"},
	} {
		w := newWorld(t)
		if tt.bucket != "src1" {
			if err := w.server.CreateBucket(tt.bucket, sandbox.BucketOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		var rows string
		for key, size := range map[string]int64{tt.tarred: 1, tt.copied: maxSize + 1} {
			if _, _, err := w.server.Plant(tt.bucket, key, sandbox.Planted{Generated: &sandbox.Generated{Size: size}, Modified: when}); err != nil {
				t.Fatal(err)
			}
			rows += fmt.Sprintf("%s,%s,%d\n", tt.bucket, object.EncodeKey(key), size)
		}
		m := object.Location{Bucket: "dst", Key: "manifests/m.0.index"}
		w.store(m, []byte(rows))
		in := layout.In("dst", tt.prefix)
		b := bundler.New(w.s3, bundler.Options{Archive: in, Fields: manifest.DefaultFields(), MaxSize: maxSize}, w.logger())
		if _, err := b.Bundle(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		at, tar := in.Index(tt.bucket, "m.0"), in.Archive(tt.bucket, "m.0", false)
		copied := in.BigObject(tt.bucket, object.Object{Key: tt.copied, EncodedKey: object.EncodeKey(tt.copied)})
		below := "s3://dst/" + tt.prefix + "/"
		both := slices.Sorted(slices.Values([]string{tt.tarred, tt.copied}))
		path := filepath.Join(t.TempDir(), "catalogue")
		look := func(when string) {
			t.Helper()
			for uri, want := range map[string][]string{
				below: both, strings.TrimSuffix(below, "/"): both, "s3://dst": both, at.String(): {tt.tarred}, tar.String(): {tt.tarred},
				copied.String(): {tt.copied}, copied.String() + ".metadata": {tt.copied},
			} {
				if keys, errs := w.listed(uri); !slices.Equal(keys, want) || errs != nil {
					t.Errorf("%+v, %s: %s has %q, %v", tt, when, uri, keys, errs)
				}
				w.catalogue(path, uri)
				if keys := keysOf(w.search(path, retrieve.Filter{}, uri)); !slices.Equal(keys, want) {
					t.Errorf("%+v, %s: the catalogue of %s has %q", tt, when, uri, keys)
				}
			}
			if fs := w.verify(retrieve.VerifyOptions{Manifests: []object.Location{m}}, below); len(fs) > 0 {
				t.Errorf("%+v, %s: verify finds %q", tt, when, fs)
			}
		}
		look("bundled")
		if out := w.purge(w.s3, retrieve.PurgeOptions{Delete: true}, below); out[tt.tarred] != retrieve.Deleted || len(out) != 2 {
			t.Errorf("%+v: purge says %v", tt, out)
		}
		look("purged") // the logs are no copies
		for _, pair := range [][2]object.Location{{at, tar}, {copied, layout.BigObjectMetadata(copied)}} {
			for i, gone := range pair {
				attr, body := w.headOf(gone), bytes.Clone(w.get(gone))
				if err := w.server.Delete(gone.Bucket, gone.Key); err != nil {
					t.Fatal(err)
				}
				if keys, errs := w.listed(below); len(keys) != 1 || len(errs) != 1 || !strings.Contains(errs[0].Error(), pair[1-i].String()+": ") {
					t.Errorf("%+v, without %s: %q, %v", tt, gone, keys, errs)
				}
				w.putBack(gone, attr, body)
			}
		}
	}
}
