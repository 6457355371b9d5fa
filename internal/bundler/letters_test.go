package bundler_test

import (
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
