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

// TestUnfinishedFilesWithTwoNames writes nothing to a file that has another
// name, which may be anywhere, and leaves none of the two that a run gives to
// an object if it is killed between.
func TestUnfinishedFilesWithTwoNames(t *testing.T) {
	for name, other := range map[string]func(dir string) string{
		"outside": func(dir string) string { return filepath.Join(filepath.Dir(dir), "mine") },
		"inside":  func(dir string) string { return filepath.Join(dir, "mine") },
		"object":  func(dir string) string { return filepath.Join(dir, "k") },
	} {
		for _, existing := range []retrieve.Existing{retrieve.Skip, retrieve.Overwrite} {
			w := newWorld(t)
			w.plant("k", sandbox.Planted{Body: []byte("content of k")})
			w.bundle(false)
			dir := filepath.Join(t.TempDir(), "to")
			check(t, os.Mkdir(dir, 0o777))
			mine, objects, before := other(dir), 1, "mine, and somewhat longer"
			if name == "object" {
				objects, before = 0, "content of k"
			}
			check(t, os.WriteFile(mine, []byte(before), 0o666))
			check(t, os.Chtimes(mine, when, when))
			if err := os.Link(mine, filepath.Join(dir, retrieve.Unfinished("k"))); err != nil {
				t.Skip(err)
			}
			w.restore(toFolder(t, dir, false), retrieve.RestoreOptions{Existing: existing}, "s3://dst/archive/").must(t, objects, 1-objects)
			if got, err := os.ReadFile(filepath.Join(dir, "k")); string(got) != "content of k" || err != nil {
				t.Errorf("%s, %s: %q, %v", name, existing, got, err)
			}
			if got, err := os.ReadFile(mine); string(got) != before || err != nil {
				t.Errorf("%s, %s: the other name has %q, %v", name, existing, got, err)
			}
			if left := leftovers(t, dir); retrieve.Claims && left != nil {
				t.Errorf("%s, %s: left over: %q", name, existing, left)
			}
		}
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
