package retrieve_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
)

// hostile keys and what becomes of them in a folder: the reason for which one
// is not written, or none. All are restored in this order.
var hostile = []struct {
	key    string
	reason fault.Reason
}{
	{"fine/a", ""},
	{"../outside", retrieve.BadName},
	{"fine/../../outside", retrieve.BadName},
	{"/etc/absolute", retrieve.BadName},
	{"link/through", retrieve.BadName}, // a link that leads outside
	{"both", ""},
	{"both/file-and-folder", retrieve.BadName},
	{"other/folder/first", ""},
	{"other/folder", retrieve.BadName},
	{"marker/", ""}, // a folder
	{"marker/in-it", ""},
	{"long/" + strings.Repeat("n", 256), retrieve.BadName},
	{"dot/./x", retrieve.BadName},
	{"double//x", retrieve.BadName},
}

func TestFolderIsSafe(t *testing.T) {
	for _, escape := range []bool{false, true} {
		for _, existing := range []retrieve.Existing{retrieve.Skip, retrieve.Overwrite} {
			w := newWorld(t)
			for _, h := range hostile {
				if strings.HasSuffix(h.key, "/") {
					w.plant(h.key, sandbox.Planted{})
				} else {
					w.plant(h.key, sandbox.Planted{Body: []byte("content of " + h.key)})
				}
			}
			w.bundle(false)
			top := t.TempDir()
			dir := filepath.Join(top, "in", "here")
			check(t, os.MkdirAll(filepath.Join(top, "elsewhere"), 0o777))
			check(t, os.MkdirAll(dir, 0o777))
			check(t, os.Symlink(filepath.Join(top, "elsewhere"), filepath.Join(dir, "link")))
			want := len(hostile)
			for round := range 2 {
				r := w.restore(toFolder(t, dir, escape), retrieve.RestoreOptions{Existing: existing}, "s3://dst/archive/")
				if r.err != nil {
					t.Fatal(r.err)
				}
				for _, h := range hostile {
					reason := h.reason
					if escape {
						reason = ""
					}
					if r.letters[h.key] != reason {
						t.Errorf("escape %v, %s, round %d: %q: %q, want %q", escape, existing, round, h.key, r.letters[h.key], reason)
					}
				}
				if round == 1 && (r.Objects != 0 || int(r.Skipped) != want-len(r.letters)) {
					t.Errorf("escape %v, %s, again: %d restored, %d skipped", escape, existing, r.Objects, r.Skipped)
				}
			}
			// Nothing is anywhere else, and every file is one object's.
			for path := range contentsOf(t, top) {
				if !strings.HasPrefix(path, "in/here/") {
					t.Errorf("escape %v: %s was written outside of the folder", escape, path)
				}
			}
			files := contentsOf(t, dir)
			for _, h := range hostile {
				if h.reason != "" && !escape || h.key == "marker/" {
					continue
				}
				path, ok := find(files, md5of([]byte("content of "+h.key)), time.Time{})
				if !ok {
					t.Errorf("escape %v: %q is not in the folder", escape, h.key)
				}
				delete(files, path)
			}
			for path := range files {
				t.Errorf("escape %v: %s is of no object", escape, path)
			}
			if info, err := os.Stat(filepath.Join(dir, "marker")); err != nil || !info.IsDir() {
				t.Errorf("the marker made no folder: %v", err)
			}
		}
	}
}

// Two versions of a key are not written over one another; the same object
// twice is no harm.
func TestDuplicates(t *testing.T) {
	w := newWorld(t)
	w.store(object.Location{Bucket: "dst", Key: "v.tar"}, []byte("0123456789"))
	w.store(object.Location{Bucket: "dst", Key: "v.index"}, []byte(
		"a,k,1,,\"cfcd208495d565ef66e7dff9f98764da\",,,0,0,,,v1,\n"+
			"a,k,1,,\"c4ca4238a0b923820dcc509a6f75849b\",,,1,0,,,v2,\n"+
			"a,k,1,,\"cfcd208495d565ef66e7dff9f98764da\",,,0,0,,,v3,\n"))
	dir := t.TempDir()
	for _, to := range []retrieve.Target{toBucket(w, "s3://back/"), toFolder(t, dir, true)} {
		r := w.restore(to, retrieve.RestoreOptions{Existing: retrieve.Overwrite}, "s3://dst/v.index")
		if r.err != nil || r.Objects != 1 || r.Skipped != 1 || r.letters["k"] != retrieve.Duplicate {
			t.Errorf("%+v", r)
		}
	}
	if got := string(w.get(object.Location{Bucket: "back", Key: "k"})); got != "0" {
		t.Errorf("the bucket has %q", got)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "k")); string(got) != "0" {
		t.Errorf("the folder has %q", got)
	}
	w.restore(toBucket(w, "s3://back/v2/"), retrieve.RestoreOptions{Filter: retrieve.Filter{VersionID: "v2"}}, "s3://dst/v.index").must(t, 1, 0)
}

// What two archives tell differently of one key is not left out without a word,
// though its bytes are the same; but a folder keeps nothing else.
func TestDuplicatesWithOtherMetadata(t *testing.T) {
	w := newWorld(t)
	w.store(object.Location{Bucket: "dst", Key: "v.tar"}, []byte("0"))
	row := func(version, metadata, tags, headers string) string {
		return "a,k,1,,\"cfcd208495d565ef66e7dff9f98764da\"," + metadata + "," + tags + ",0,0,,," + version + "," + headers + "\n"
	}
	first := row("v1", "owner=ada", "Key=team;Value=search", "Content-Type=text/x-one")
	for name, tt := range map[string]struct {
		second string
		reason fault.Reason
	}{
		"all the same": {row("v2", "owner=ada", "Key=team;Value=search", "Content-Type=text/x-one"), ""},
		"class":        {row("v2", "owner=ada", "Key=team;Value=search", "Content-Type=text/x-one;X-Amz-Storage-Class=STANDARD_IA"), ""},
		"metadata":     {row("v2", "owner=eve", "Key=team;Value=search", "Content-Type=text/x-one"), retrieve.Duplicate},
		"type":         {row("v2", "owner=ada", "Key=team;Value=search", "Content-Type=text/x-two"), retrieve.Duplicate},
		"tags":         {row("v2", "owner=ada", "", "Content-Type=text/x-one"), retrieve.Duplicate},
		"header":       {row("v2", "", "Key=team;Value=search", "Content-Type=text/x-one;owner=ada"), retrieve.Duplicate},
	} {
		w.store(object.Location{Bucket: "dst", Key: "v.index"}, []byte(first+tt.second))
		skipped := 0
		if tt.reason == "" {
			skipped = 1
		}
		r := w.restore(toBucket(w, "s3://back/"+name+"/"), retrieve.RestoreOptions{}, "s3://dst/v.index")
		if r.err != nil || r.Objects != 1 || int(r.Skipped) != skipped || r.letters["k"] != tt.reason {
			t.Errorf("%s: %+v", name, r)
		}
		w.restore(toFolder(t, t.TempDir(), false), retrieve.RestoreOptions{}, "s3://dst/v.index").must(t, 1, 1)
	}
}

// A link inside of the folder gives a file a second name; no object goes over
// another by it.
func TestLinksInside(t *testing.T) {
	for name, tt := range map[string]struct {
		links     map[string]string // made in a folder that has other and other/deep
		first     string
		second    string
		is        fault.Reason // of the second
		elsewhere string       // where the second goes, without a reason
	}{
		"folder":          {map[string]string{"link": "other"}, "link/x", "other/x", retrieve.Duplicate, ""},
		"other order":     {map[string]string{"link": "other"}, "other/x", "link/x", retrieve.Duplicate, ""},
		"link to link":    {map[string]string{"link": "there", "there": "other/./deep/.."}, "other/x", "link/x", retrieve.Duplicate, ""},
		"the folder":      {map[string]string{"other/link": ".."}, "x", "other/link/x", retrieve.Duplicate, ""},
		"deep in it":      {map[string]string{"link": "."}, "other/link/x", "link/other/link/x", retrieve.Duplicate, ""},
		"through the two": {map[string]string{"other/link": "..", "link": "other/deep"}, "other/link/link/x", "link/x", retrieve.Duplicate, ""},
		"to come":         {map[string]string{"link": "new"}, "new/x", "link/x", retrieve.Duplicate, ""},
		"another file":    {map[string]string{"link": "other"}, "link/x", "other/y", "", "other/y"},
		"below":           {map[string]string{"link": "other"}, "other/y", "link/deep/x", "", "other/deep/x"},
		"nowhere":         {map[string]string{"link": "none"}, "other/x", "link/x", retrieve.BadName, ""},
		"in a circle":     {map[string]string{"link": "link"}, "other/x", "link/x", retrieve.BadName, ""},
		"outside":         {map[string]string{"link": "other/../.."}, "other/x", "link/x", retrieve.BadName, ""},
		"marker":          {map[string]string{"link": "other"}, "other/x", "link/", "", ""},
		"marker of all":   {map[string]string{"link": "."}, "other/x", "link/", "", ""},
	} {
		for _, existing := range []retrieve.Existing{retrieve.Skip, retrieve.Overwrite} {
			w := newWorld(t)
			for _, key := range []string{tt.first, tt.second} {
				body := []byte("content of " + key)
				if strings.HasSuffix(key, "/") {
					body = nil
				}
				w.plant(key, sandbox.Planted{Body: body})
			}
			w.bundle(false)
			dir := t.TempDir()
			check(t, os.MkdirAll(filepath.Join(dir, "other", "deep"), 0o777))
			for link, to := range tt.links {
				check(t, os.Symlink(to, filepath.Join(dir, link)))
			}
			for round := range 2 {
				r := w.restore(toFolder(t, dir, false), retrieve.RestoreOptions{Existing: existing}, "s3://dst/archive/")
				if r.err != nil || r.letters[tt.first] != "" || r.letters[tt.second] != tt.is || round == 1 && r.Objects > 0 {
					t.Errorf("%s, %s, round %d: %+v", name, existing, round, r)
				}
			}
			if got, err := os.ReadFile(filepath.Join(dir, tt.first)); string(got) != "content of "+tt.first {
				t.Errorf("%s, %s: %s has %q, %v", name, existing, tt.first, got, err)
			}
			if tt.elsewhere != "" {
				if got, err := os.ReadFile(filepath.Join(dir, tt.elsewhere)); string(got) != "content of "+tt.second {
					t.Errorf("%s, %s: %s has %q, %v", name, existing, tt.elsewhere, got, err)
				}
			}
			for link := range tt.links {
				if info, err := os.Lstat(filepath.Join(dir, link)); err != nil || info.Mode()&os.ModeSymlink == 0 {
					t.Errorf("%s, %s: the link %s is gone: %v", name, existing, link, err)
				}
			}
		}
	}
}

func TestFolderRefusals(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o666))
	if _, err := retrieve.ToFolder(filepath.Join(dir, "file"), false); fault.KindOf(err) != fault.Write {
		t.Errorf("a file for a folder: %v", err)
	}
	w := newWorld(t)
	w.plant("k", sandbox.Planted{Body: []byte("content")})
	w.bundle(false)
	f, err := retrieve.ToFolder(dir, false)
	check(t, err)
	check(t, f.Close())
	// What is closed fails as a whole, and not object by object.
	if r := w.restore(f, retrieve.RestoreOptions{}, "s3://dst/archive/"); r.err == nil || len(r.letters) > 0 {
		t.Errorf("a closed folder: %+v", r)
	}
	names, err := os.ReadDir(dir)
	check(t, err)
	if len(names) != 1 {
		t.Errorf("left behind: %v", slices.Collect(func(yield func(string) bool) {
			for _, n := range names {
				yield(n.Name())
			}
		}))
	}
}
