package bundler_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"s3bundler/internal/bundler"
	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/sandbox"
)

func fields(t *testing.T, names string) manifest.Fields {
	t.Helper()
	f, err := manifest.ParseFields([]string{names})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// letterColumns are the columns of a dead-letter index.
const letterColumns = "Bucket Key Size LastModifiedDate Reason"

// TestLettersTellVersions: to run dead letters of versions again reads those
// versions, and not the current ones.
func TestLettersTellVersions(t *testing.T) {
	w := newWorld(t)
	if err := w.server.CreateBucket("kept", sandbox.BucketOptions{Versioned: true}); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, body := range []string{"first", "second"} {
		_, id, err := w.server.Plant("kept", "k", sandbox.Planted{Body: []byte(body), Modified: when})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	w.store(at, "kept,k,5,"+ids[0]+"\nkept,k,many,"+ids[1]+"\n")
	w.server.SetFaults(sandbox.Rule{Bucket: "kept", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
	versions := bundler.Options{Fields: fields(t, "Bucket Key Size VersionId")}
	if _, err := w.bundleAgain(t.Context(), versions); err != nil {
		t.Fatal(err)
	}
	w.server.SetFaults()
	want := "kept,k,5,,AccessDenied," + ids[0] + "\nkept,k,many,,BadRow," + ids[1] + "\n"
	if got := string(w.get(layout.DeadLetters(at))); got != want {
		t.Fatalf("dead letters\n%swant\n%s", got, want)
	}

	r, err := w.bundleAt(t.Context(), layout.DeadLetters(at), bundler.Options{Fields: fields(t, letterColumns+" VersionId")})
	if err != nil {
		t.Fatal(err)
	}
	rows := w.csv(r.Index)
	if len(rows) != 1 || rows[0][11] != ids[0] || string(w.get(r.Archive)[512:][:5]) != "first" {
		t.Errorf("archived are %q", rows)
	}
}

// TestLettersWithoutSizes: a manifest need not tell sizes, and its dead letters
// can be run again.
func TestLettersWithoutSizes(t *testing.T) {
	w := newWorld(t)
	w.plant("k", sandbox.Planted{Body: []byte("content")})
	w.store(at, "src1,k\n")
	w.server.SetFaults(sandbox.Rule{Bucket: "src1", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
	if _, err := w.bundleAgain(t.Context(), bundler.Options{Fields: fields(t, "Bucket Key")}); err != nil {
		t.Fatal(err)
	}
	w.server.SetFaults()
	if got, want := string(w.get(layout.DeadLetters(at))), "src1,k,,,AccessDenied\n"; got != want {
		t.Fatalf("dead letters %q, want %q", got, want)
	}
	r, err := w.bundleAt(t.Context(), layout.DeadLetters(at), bundler.Options{Fields: fields(t, letterColumns)})
	if err != nil || r.Objects != 1 || r.Bytes != 7 || r.Letters() != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestBadRowsFirst: however many rows cannot be read before the first that
// tells the source bucket, each is a dead letter that says what it is about.
func TestBadRowsFirst(t *testing.T) {
	w := newWorld(t)
	w.plant("k", sandbox.Planted{Body: []byte("content")})
	var manifest, want strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&manifest, "\"src1\",\"%d\"x,1\n", i)
		fmt.Fprintf(&want, "src1,\"%d\"\"x\",1,,BadRow\n", i)
	}
	w.store(at, manifest.String()+"src1,k,7\nsrc1,z\n")
	r, err := w.bundleAgain(t.Context(), bundler.Options{})
	if err != nil || r.Objects != 1 || r.Letters() != 5001 {
		t.Errorf("%+v, %v", r, err)
	}
	if got := string(w.get(layout.DeadLetters(at))); got != want.String()+"src1,z,,,BadRow\n" {
		t.Errorf("dead letters\n%.200s…\nwant\n%.200s…", got, want.String())
	}
}

// TestTagsThatCannotBeRead costs no archive: they are asked for again, and the
// object is a dead letter if that does not help.
func TestTagsThatCannotBeRead(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "2")
	for _, f := range []sandbox.Fault{{Kind: sandbox.CutBody, At: 60}, {Kind: sandbox.CorruptBody, At: 98}} {
		for _, always := range []bool{false, true} {
			w := newWorld(t)
			w.plant("k", sandbox.Planted{Body: []byte("k")})
			w.plant("tagged", sandbox.Planted{Body: []byte("t"), Tags: map[string]string{"k": "v"}})
			rule := sandbox.Rule{Operation: "GetObjectTagging", Fault: f}
			want := map[string]string{"tagged": "Retry"}
			if !always {
				rule.Nth, want = 1, map[string]string{}
			}
			w.server.SetFaults(rule)
			r, err := w.bundle(bundler.Options{})
			w.server.SetFaults()
			if err != nil {
				t.Errorf("%s: %v", f.Kind, err)
				continue
			}
			if got := w.account(r); !maps.Equal(got, want) {
				t.Errorf("%s, always %t: dead letters %v, want %v\n%s", f.Kind, always, got, want, w.log.String())
			}
		}
	}
}
