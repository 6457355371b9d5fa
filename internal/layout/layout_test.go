package layout_test

import (
	"testing"

	"s3bundler/internal/layout"
	"s3bundler/internal/object"
)

// The archive's key is the one recorded from the original.
func TestKeys(t *testing.T) {
	const name = "src1-export-2017-03-30T18-06Z-manifest.0"
	big := object.Object{Bucket: "src1", Key: "a b", EncodedKey: "a+b"}
	version := big
	version.VersionID = "v1"
	for _, prefix := range []string{"archive", "/archive/", "archive//"} {
		p := layout.In("dst", prefix)
		for _, tt := range []struct {
			what string
			got  object.Location
			want string
		}{
			{"archive", p.Archive("src1", name, false), "s3://dst/archive/c3e7f3/src1/" + name + ".tar"},
			{"compressed archive", p.Archive("src1", name, true), "s3://dst/archive/c3e7f3/src1/" + name + ".tar.gz"},
			{"index", p.Index("src1", name), "s3://dst/archive/c3e7f3/src1/" + name + ".index"},
			{"big object", p.BigObject("src1", big), "s3://dst/archive/613e9a/src1/bigobjects/a b"},
			{"its metadata", layout.BigObjectMetadata(p.BigObject("src1", big)), "s3://dst/archive/613e9a/src1/bigobjects/a b.metadata"},
			{"another content", p.OtherBigObject("src1", big, "9b74-2"), "s3://dst/archive/81e82b/src1/bigobjects/9b74-2/a b"},
			{"a log", layout.PurgeLog(p.Index("src1", name)), "s3://dst/archive/c3e7f3/src1/" + name + ".index.purged.csv"},
			{"a version", p.BigObject("src1", version), "s3://dst/archive/833ee2/src1/bigobjects/v1/a b"},
		} {
			if got := tt.got.String(); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
			}
			if !p.Holds(tt.got) || layout.In("other", prefix).Holds(tt.got) || layout.In("dst", "arch").Holds(tt.got) {
				t.Errorf("%s: not held by its place alone", tt.what)
			}
		}
	}
	if got := layout.In("dst", "").Index("src1", name).String(); got != "s3://dst/c3e7f3/src1/"+name+".index" {
		t.Errorf("without a prefix: %s", got)
	}
	m := object.Location{Bucket: "dst", Key: "manifests/x.index"}
	if got := layout.DeadLetters(m).String(); got != "s3://dst/manifests/x.index.dlq" {
		t.Errorf("dead letters: %s", got)
	}
}

// A folder may be called like a hash.
func TestHoldsNoManifests(t *testing.T) {
	for _, p := range []layout.Place{layout.In("dst", ""), layout.In("dst", "archive")} {
		for _, key := range []string{"202611/web/x-manifest.0.index", "facade/web/x.index", "x.index", "202611/x.index", "202611/web/more/x.index", "x/bigobjects/", "c3e7f3/src1"} {
			for _, l := range []object.Location{{Bucket: "dst", Key: key}, {Bucket: "dst", Key: "archive/" + key}} {
				if p.Holds(l) {
					t.Errorf("%s is taken for an archive's own", l)
				}
			}
		}
	}
}
