package bundler_test

import (
	"log/slog"
	"strings"
	"testing"

	"s3bundler/internal/bundler"
	"s3bundler/internal/fault"
	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
)

func TestBigObjectsOfTwoBucketsLieApart(t *testing.T) {
	w := newWorld(t)
	w.plant("small", sandbox.Planted{Body: []byte("s")})
	big := [2][]byte{noise(1, 5000), noise(2, 5000)}
	if err := w.server.CreateBucket("src2", sandbox.BucketOptions{}); err != nil {
		t.Fatal(err)
	}
	for i, bucket := range []string{"src1", "src2"} {
		if _, _, err := w.server.Plant(bucket, "big", sandbox.Planted{Body: big[i]}); err != nil {
			t.Fatal(err)
		}
		w.rows = append(w.rows, bucket+",big,5000\n")
	}
	r, err := w.bundle(bundler.Options{MaxSize: 1000})
	if err != nil || r.Copied != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	for i, bucket := range []string{"src1", "src2"} {
		o := object.Object{Bucket: bucket, Key: "big", EncodedKey: "big"}
		if got := w.get(layout.In("dst", "archive").BigObject(bucket, o)); string(got) != string(big[i]) {
			t.Errorf("the copy of %s/big is another object's", bucket)
		}
	}
}

func TestManifestsOfOneNameDoNotReplaceEachOther(t *testing.T) {
	w := newWorld(t)
	w.plant("a", sandbox.Planted{Body: []byte("a")})
	w.plant("b", sandbox.Planted{Body: []byte("b")})
	b := bundler.New(w.s3, bundler.Options{
		Archive: layout.In("dst", "archive"), Fields: manifest.DefaultFields(), MaxSize: bundler.DefaultMaxSize,
	}, slog.New(slog.DiscardHandler))
	first, second := object.Location{Bucket: "dst", Key: "x/man.0.index"}, object.Location{Bucket: "dst", Key: "y/man.0.index"}
	w.store(first, w.rows[0])
	w.store(second, w.rows[1])
	w.store(object.Location{Bucket: "dst", Key: "z/other.0.index"}, w.rows[1])
	r, err := b.Bundle(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	want := string(w.get(r.Archive))
	others := b.All(t.Context(), b.Manifests(t.Context(), []object.Location{second, {Bucket: "dst", Key: "z/"}}), func(bundler.Result, error) {})
	if fault.ExitCode(others) != 4 || w.get(layout.In("dst", "archive").Index("src1", "other.0")) == nil {
		t.Errorf("%v, want exit 4, and the others archived", others)
	}
	if _, err := b.Bundle(t.Context(), second); fault.ExitCode(err) != 4 || !strings.Contains(err.Error(), "x/man.0.index") {
		t.Errorf("%v, want exit 4 and the other manifest's name", err)
	}
	if string(w.get(r.Archive)) != want {
		t.Error("the archive of the first was replaced")
	}
}

// A big object whose copy, or the index line beside it, would have too long a
// key is left out; the others are not.
func TestBigObjectsWithLongKeys(t *testing.T) {
	w := newWorld(t)
	room := 1024 - len("archive/012345/src1/bigobjects/")
	for i, length := range []int{room - len(".metadata"), room - len(".metadata") + 1, room, room + 1} {
		w.plant(strings.Repeat(string(rune('a'+i)), length), sandbox.Planted{Body: noise(1, 5000)})
	}
	r, err := w.bundle(bundler.Options{MaxSize: 1000})
	if err != nil || r.Copied != 1 || r.DeadLetters[fault.BadRow] != 3 {
		t.Errorf("%+v, %v", r, err)
	}
}
