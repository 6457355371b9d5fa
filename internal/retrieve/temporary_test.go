package retrieve_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
)

// leftovers are the files of unfinished objects in a folder and below.
func leftovers(t *testing.T, dir string) (names []string) {
	t.Helper()
	for path := range contentsOf(t, dir) {
		if strings.HasPrefix(filepath.Base(path), ".s3bundler-") {
			names = append(names, path)
		}
	}
	return names
}

// TestUnfinishedFilesAreTakenOver kills a run amid a file, and has the next
// one leave nothing of it.
func TestUnfinishedFilesAreTakenOver(t *testing.T) {
	w := newWorld(t)
	w.plant("a/k", sandbox.Planted{Body: []byte("content of k")})
	w.bundle(false)
	dir := t.TempDir()
	unfinished := retrieve.Unfinished("a/k")
	check(t, os.MkdirAll(filepath.Join(dir, "a"), 0o777))
	check(t, os.WriteFile(filepath.Join(dir, unfinished), []byte("much more than the content of k"), 0o666))
	w.restore(toFolder(t, dir, false), retrieve.RestoreOptions{}, "s3://dst/archive/").must(t, 1, 0)
	if got, err := os.ReadFile(filepath.Join(dir, "a/k")); string(got) != "content of k" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if left := leftovers(t, dir); left != nil {
		t.Errorf("left over: %q", left)
	}
}

// TestUnfinishedFilesOfOthers leaves alone what another run is writing, and
// what is no file.
func TestUnfinishedFilesOfOthers(t *testing.T) {
	for name, occupy := range map[string]func(t *testing.T, path string){
		"another run": func(t *testing.T, path string) {
			f, err := os.Create(path)
			check(t, err)
			t.Cleanup(func() { f.Close() })
			if !retrieve.Claim(f) {
				t.Skip("no locks here")
			}
		},
		"folder": func(t *testing.T, path string) { check(t, os.Mkdir(path, 0o777)) },
		"link": func(t *testing.T, path string) {
			check(t, os.WriteFile(filepath.Join(filepath.Dir(path), "mine"), []byte("mine"), 0o666))
			check(t, os.Symlink("mine", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.plant("k", sandbox.Planted{Body: []byte("content of k")})
			w.bundle(false)
			dir := t.TempDir()
			path := filepath.Join(dir, retrieve.Unfinished("k"))
			occupy(t, path)
			before, err := os.Lstat(path)
			check(t, err)
			w.restore(toFolder(t, dir, false), retrieve.RestoreOptions{}, "s3://dst/archive/").must(t, 1, 0)
			if got, err := os.ReadFile(filepath.Join(dir, "k")); string(got) != "content of k" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			after, err := os.Lstat(path)
			if err != nil || !os.SameFile(before, after) || after.Size() != before.Size() {
				t.Errorf("it is another: %v", err)
			}
			if got, err := os.ReadFile(filepath.Join(dir, "mine")); err == nil && string(got) != "mine" {
				t.Errorf("what the link leads to has %q", got)
			}
		})
	}
}

// TestNamesOfUnfinishedFiles are no names for objects.
func TestNamesOfUnfinishedFiles(t *testing.T) {
	for _, escape := range []bool{false, true} {
		w := newWorld(t)
		keys := []string{retrieve.Unfinished("k"), "k", "x/" + strings.ToUpper(retrieve.Unfinished("k")) + "/y"}
		for _, key := range keys {
			w.plant(key, sandbox.Planted{Body: []byte("content of " + key)})
		}
		w.bundle(false)
		dir := t.TempDir()
		r := w.restore(toFolder(t, dir, escape), retrieve.RestoreOptions{}, "s3://dst/archive/")
		want := 1
		if escape {
			want = len(keys)
		}
		if r.err != nil || int(r.Objects) != want || r.letters["k"] != "" || len(contentsOf(t, dir)) != want {
			t.Errorf("escape %v: %+v", escape, r)
		}
	}
}
