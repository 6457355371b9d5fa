package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"s3bundler/internal/sandbox"
)

// TestVerifyAndPurge runs the built commands one after the other, as a user
// would, and looks at their exit codes and at what they print.
func TestVerifyAndPurge(t *testing.T) {
	s := startServer(t)
	for _, key := range []string{"a", "b", "c"} {
		plant(t, s, "src", key, sandbox.Planted{Body: []byte("content of " + key)})
	}
	plant(t, s, "dst", "manifests/m.0.index", manifestOf("src,a,12", "src,b,12", "src,gone,1", "src,c,12"))
	if r := run(t, s.URL(), "-m", "s3://dst/manifests/m.0.index", "-b", "dst", "-p", "archive"); r.exit != 0 {
		t.Fatalf("exit %d:\n%s", r.exit, r.stderr)
	}
	local := filepath.Join(t.TempDir(), "log.csv")
	const archives = "s3://dst/archive/"
	for _, step := range []struct {
		name   string
		do     func()
		args   []string
		exit   int
		stdout []string
		stderr string
	}{
		{name: "verify", args: []string{"verify", archives, "--source", "--manifests", "s3://dst/manifests/"},
			stdout: []string{"all holds"}, stderr: "3 objects, 36 B, 1 archive, 3 sources the same, 1 manifest, 4 manifest rows"},
		{name: "verify --json", args: []string{"verify", archives, "--json"}, stdout: []string{`{"Holds":true,"Archives":1,`, `"Findings":{}}`}},
		{name: "a changed source", do: func() { plant(t, s, "src", "b", sandbox.Planted{Body: []byte("other of b")}) },
			args: []string{"verify", archives, "--source"}, exit: 3, stdout: []string{"SourceChanged s3://dst/archive/", "s3://src/b", "SourceChanged             1"},
			stderr: "ERROR: verify: 1 finding, about 1 of 1 archives"},
		{name: "a dry run", args: []string{"purge", archives, "--log", local}, stdout: []string{"Deletable                 2", "Changed                   1", "Give --yes"},
			stderr: "2 objects to delete, 24 B, 1 to be left alone, 1 archive"},
		{name: "a purge", args: []string{"purge", archives, "--yes"}, stdout: []string{"Deleted                   2", "Changed                   1"},
			stderr: "2 objects deleted, 24 B, 1 left alone"},
		{name: "again", args: []string{"purge", archives, "--yes", "--json"}, stdout: []string{`"Gone":{"Objects":2,"Bytes":24}`, `"DryRun":false`}},
		{name: "sources gone", args: []string{"verify", archives, "--source", "--limit", "1"}, exit: 3,
			stdout: []string{"SourceGone                2  (1 printed; --limit 0 prints all)"}, stderr: "3 findings"},
		{name: "nothing there", args: []string{"verify", "s3://dst/elsewhere/"}, exit: 5, stderr: "there is no archive with an index"},
		{name: "no place", args: []string{"purge"}, exit: 2, stderr: "name an index"},
		{name: "no log", args: []string{"purge", archives, "--log", "/nonexistent/log"}, exit: 2, stderr: "create log"},
	} {
		if step.do != nil {
			step.do()
		}
		r := run(t, s.URL(), step.args...)
		if r.exit != step.exit || !strings.Contains(r.stderr, step.stderr) {
			t.Errorf("%s: exit %d, want %d:\n%s", step.name, r.exit, step.exit, r.stderr)
		}
		for _, want := range step.stdout {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("%s: printed\n%swithout %q", step.name, r.stdout, want)
			}
		}
	}
	b, err := os.ReadFile(local)
	if err != nil || !strings.Contains(string(b), "\nDeletable,src,a,12,,") || !strings.Contains(string(b), "\nChanged,src,b,") {
		t.Errorf("the local log: %v\n%s", err, b)
	}
}
