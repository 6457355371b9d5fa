package main_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"s3bundler/internal/catalog"
	"s3bundler/internal/sandbox"
)

// archived is a sandbox with three objects and one big one in an archive below
// s3://dst/archive/, and the URI of its index.
func archived(t *testing.T) (s *sandbox.Server, index string) {
	t.Helper()
	s = startServer(t)
	when := time.Date(2026, 11, 23, 11, 36, 13, 0, time.UTC)
	plant(t, s, "src", "a/one", sandbox.Planted{Body: []byte("content of one"), Modified: when, Metadata: map[string]string{"owner": "ada, grace"},
		Tags: map[string]string{"team": "search"}, Headers: map[string]string{"Content-Type": "text/x-one"}})
	plant(t, s, "src", "a/two\nlines", sandbox.Planted{Body: []byte("two"), Modified: when.Add(time.Hour)})
	plant(t, s, "src", "b", sandbox.Planted{Modified: when})
	plant(t, s, "src", "big", sandbox.Planted{Body: bytes.Repeat([]byte("x"), 2000), Modified: when})
	plant(t, s, "dst", "manifests/m.0.index", manifestOf("src,a/one,14", "src,a/two%0Alines,3", "src,b,0", "src,big,2000"))
	if r := run(t, s.URL(), "-m", "s3://dst/manifests/m.0.index", "-b", "dst", "-p", "archive", "-s", "1K"); r.exit != 0 {
		t.Fatalf("exit %d:\n%s", r.exit, r.stderr)
	}
	return s, "s3://dst/archive/b259b1/src/m.0.index"
}

func TestListCommand(t *testing.T) {
	s, index := archived(t)
	r := run(t, s.URL(), "list", index)
	want := "LAST MODIFIED (UTC)           SIZE  OBJECT\n" +
		"2026-11-23 11:36:13             14  s3://src/a/one\n" +
		"2026-11-23 12:36:13              3  s3://src/a/two\\nlines\n" +
		"2026-11-23 11:36:13              0  s3://src/b\n"
	if r.exit != 0 || r.stdout != want || !strings.HasPrefix(r.stderr, "3 objects, 17 B, 1 archive, ") {
		t.Errorf("exit %d\n%swant\n%s%s", r.exit, r.stdout, want, r.stderr)
	}
	r = run(t, s.URL(), "list", "s3://dst/archive/", "--csv", "--key-prefix", "a/", "--min-size", "1", "--before", "2026-11-23T12:00:00Z")
	rows, err := csv.NewReader(strings.NewReader(r.stdout)).ReadAll()
	if r.exit != 0 || err != nil || len(rows) != 2 {
		t.Fatalf("exit %d, %v\n%s", r.exit, err, r.stdout)
	}
	got := map[string]string{}
	for i, name := range rows[0] {
		got[name] = rows[1][i]
	}
	for name, want := range map[string]string{"bucket": "src", "key": "a/one", "size": "14", "last_modified": "2026-11-23T11:36:13Z", "index": index,
		"archive": strings.TrimSuffix(index, ".index") + ".tar"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	r = run(t, s.URL(), "list", "s3://dst", "--json", "--key", "a/one")
	var one struct {
		Bucket, Key, Index, Archive string
		Size, Offset                int64
		Metadata, Tags, Headers     map[string]string
	}
	if err := json.Unmarshal([]byte(r.stdout), &one); err != nil || one.Key != "a/one" || one.Size != 14 || one.Offset != 512 ||
		one.Metadata["owner"] != "ada, grace" || one.Tags["team"] != "search" || one.Headers["Content-Type"] != "text/x-one" || one.Index != index {
		t.Errorf("%v, %+v from %s", err, one, r.stdout)
	}
}

func TestFindCommand(t *testing.T) {
	s, index := archived(t)
	found := "2026-11-23 11:36:13             14  " + index + "  a/one\n"
	file := filepath.Join(t.TempDir(), "catalogue")
	for _, args := range [][]string{
		{"--archives", "s3://dst/archive"},
		{"--archives", "s3://dst/archive", "--catalog", file},
		{"--archives", "s3://dst/archive", "--catalog", file},
		{"--archives", index, "--catalog", file},
		{"--catalog", file, "--endpoint-url", "http://127.0.0.1:1"}, // which nobody asks
	} {
		for _, pattern := range []string{"a/one", "*/o?e", "a/*n*e"} {
			r := run(t, s.URL(), append([]string{"find", pattern, "--min-size", "5"}, args...)...)
			if r.exit != 0 || !strings.HasSuffix(r.stdout, found) || strings.Count(r.stdout, "\n") != 2 {
				t.Errorf("%s %q: exit %d\n%s%s", pattern, args, r.exit, r.stdout, r.stderr)
			}
		}
	}
	if r := run(t, s.URL(), "find", "none", "--catalog", file); r.exit != 1 || !strings.Contains(r.stderr, "ERROR: nothing found") {
		t.Errorf("nothing found: exit %d\n%s", r.exit, r.stderr)
	}
	// One whose making was interrupted says so.
	u, err := catalog.Update(t.Context(), file+"2")
	if err != nil {
		t.Fatal(err)
	}
	u.Close()
	for _, tt := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{"--catalog", file + "2"}, 3, "never finished"},
		{[]string{"--catalog", file + "2", "--archives", "s3://dst/none/"}, 5, "s3://dst/none/"},
		{[]string{"--catalog", file + "2"}, 3, "never finished"},
		{[]string{"--catalog", file + "2", "--archives", "s3://dst/archive/"}, 0, "1 object"},
		{[]string{"--catalog", file + "2"}, 0, "1 object"},
	} {
		if r := run(t, s.URL(), append([]string{"find", "a/one"}, tt.args...)...); r.exit != tt.exit || !strings.Contains(r.stderr, tt.says) {
			t.Errorf("%q: exit %d\n%s", tt.args, r.exit, r.stderr)
		}
	}
	if r := run(t, s.URL(), "find", "a/*", "--literal", "--catalog", file); r.exit != 1 {
		t.Errorf("a literal star: exit %d\n%s", r.exit, r.stdout)
	}
}

// An archive that is half gone is an error of every command that is told to
// read all below a prefix, and costs nothing else.
func TestHalfGoneArchive(t *testing.T) {
	s, index := archived(t)
	tar := strings.TrimSuffix(strings.TrimPrefix(index, "s3://dst/"), ".index") + ".tar"
	if err := s.Delete("dst", tar); err != nil {
		t.Fatal(err)
	}
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "catalogue")
	for _, tt := range []struct {
		args string
		exit int
	}{
		{"list s3://dst/archive/", 5},
		{"find big --archives s3://dst/archive/", 5},
		{"find big --archives s3://dst/archive/ --catalog " + file, 5},
		{"restore s3://dst/archive/ --to " + dir + " --dlq " + dir + "/dlq", 5},
		{"restore s3://dst/archive/ --to " + dir + "/more --dlq " + dir + "/dlq --catalog " + file, 5},
		{"verify s3://dst/archive/", 3},
		{"purge s3://dst/archive/", 3},
	} {
		r := run(t, s.URL(), strings.Fields(tt.args)...)
		if r.exit != tt.exit || !strings.Contains(r.stdout+r.stderr, index) || !strings.Contains(r.stderr, "1 object") {
			t.Errorf("%s: exit %d, want %d\n%s%s", tt.args, r.exit, tt.exit, r.stdout, r.stderr)
		}
	}
}

// The verdict of verify tells findings about manifests from those about
// archives.
func TestVerdictOfVerify(t *testing.T) {
	s, index := archived(t)
	plant(t, s, "dst", "manifests/m.1.index", manifestOf("src,a/one,14"))
	args := []string{"verify", "s3://dst/archive/", "--manifests", "s3://dst/manifests/"}
	if r := run(t, s.URL(), args...); r.exit != 3 || !strings.Contains(r.stderr, "ERROR: verify: 1 finding, about 1 of 2 manifests\n") {
		t.Errorf("of a manifest: exit %d\n%s%s", r.exit, r.stdout, r.stderr)
	}
	if err := s.Delete("dst", strings.TrimPrefix(index, "s3://dst/")); err != nil {
		t.Fatal(err)
	}
	if r := run(t, s.URL(), args...); r.exit != 3 || !strings.Contains(r.stderr, "ERROR: verify: 3 findings, about 1 of 2 archives and 2 of 2 manifests\n") {
		t.Errorf("of both: exit %d\n%s%s", r.exit, r.stdout, r.stderr)
	}
	if r := run(t, s.URL(), append(args, "--json")...); r.exit != 3 || !strings.Contains(r.stdout, `"ArchivesWithFindings":1,`) || !strings.Contains(r.stdout, `"ManifestsWithFindings":2,`) {
		t.Errorf("as JSON: exit %d\n%s%s", r.exit, r.stdout, r.stderr)
	}
}

func TestCatCommand(t *testing.T) {
	s, index := archived(t)
	if r := run(t, s.URL(), "cat", index, "a/one"); r.exit != 0 || r.stdout != "content of one" || r.stderr != "" {
		t.Errorf("exit %d, %q\n%s", r.exit, r.stdout, r.stderr)
	}
	if r := run(t, s.URL(), "cat", index, "a/one", "--range", "8-9"); r.exit != 0 || r.stdout != "of" {
		t.Errorf("a range: exit %d, %q\n%s", r.exit, r.stdout, r.stderr)
	}
	list := run(t, s.URL(), "list", "s3://dst/archive/", "--key", "big", "--csv")
	copied := list.stdout[strings.LastIndex(list.stdout, ",")+1 : len(list.stdout)-1]
	if r := run(t, s.URL(), "cat", copied, "--range", "1990-"); r.exit != 0 || r.stdout != "xxxxxxxxxx" {
		t.Errorf("the copy at %s: exit %d, %q\n%s", copied, r.exit, r.stdout, r.stderr)
	}
}

func TestRestoreCommand(t *testing.T) {
	s, index := archived(t)
	if err := s.CreateBucket("back", sandbox.BucketOptions{}); err != nil {
		t.Fatal(err)
	}
	dlq := filepath.Join(t.TempDir(), "restore.dlq")
	file := filepath.Join(t.TempDir(), "catalogue")
	r := run(t, s.URL(), "restore", "s3://dst/archive/", "--to", "s3://back/here", "--strip", "a/", "--add", "A-", "--dlq", dlq)
	letters, _ := os.ReadFile(dlq)
	if r.exit != 5 || !strings.Contains(r.stderr, "2 objects, 17 B, 0 skipped objects, 2 dead letters (BadName 2)") || !strings.Contains(r.stderr, "see "+dlq) ||
		!strings.Contains(string(letters), "src,b,0,2026-11-23 11:36:13+00:00,BadName\n") {
		t.Errorf("exit %d\n%s%s", r.exit, r.stderr, letters)
	}
	nowhere := filepath.Join(t.TempDir(), "none", "restore.dlq")
	if r := run(t, s.URL(), "restore", index, "--to", "s3://back/", "--dlq", nowhere); r.exit != 2 || !strings.Contains(r.stderr, nowhere) || !strings.Contains(r.stderr, "--dlq") || strings.Contains(r.stderr, "objects") {
		t.Errorf("nowhere to write dead letters: exit %d\n%s", r.exit, r.stderr)
	}
	resp, err := http.Get(s.URL() + "/back/here/A-one")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Amz-Meta-Owner") != "ada, grace" || resp.Header.Get("Content-Type") != "text/x-one" {
		t.Errorf("restored with %v", resp.Header)
	}
	dir := filepath.Join(t.TempDir(), "folder")
	args := []string{"restore", "s3://dst/archive/", "--to", dir, "--escape", "--dlq", dlq, "--catalog", file, "--key", "a/*", "--key", "big"}
	for _, want := range []string{"3 objects, 2.0 KiB, 0 skipped objects, 0 dead letters", "0 objects, 0 B, 3 skipped objects, 0 dead letters"} {
		if r := run(t, s.URL(), args...); r.exit != 0 || !strings.Contains(r.stderr, want) {
			t.Errorf("to a folder: exit %d\n%swant %s", r.exit, r.stderr, want)
		}
	}
	if letters, err := os.ReadFile(dlq); err != nil || len(letters) > 0 {
		t.Errorf("the dead letters of the run before are still there: %q, %v", letters, err)
	}
	for name, want := range map[string]string{"a/one": "content of one", "a/two%0Alines": "two"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if r := run(t, s.URL(), "restore", index, "--to-source", "--dlq", dlq); r.exit != 0 || !strings.Contains(r.stderr, "3 skipped objects") {
		t.Errorf("to the source: exit %d\n%s", r.exit, r.stderr)
	}
}

// The dead letters of an earlier run stay until another has got to its end, or
// has one of its own.
func TestDeadLettersOfAnEarlierRun(t *testing.T) {
	s, index := archived(t)
	if err := s.CreateBucket("back", sandbox.BucketOptions{}); err != nil {
		t.Fatal(err)
	}
	const before = "src,gone,1,,NoSuchKey\n"
	dlq := filepath.Join(t.TempDir(), "restore.dlq")
	for _, tt := range []struct {
		args string
		exit int
		want string
	}{
		{index + " --to s3://none/", 4, before},
		{"s3://none/archive/ --to s3://back/", 5, before},
		{"s3://dst/none.index --to s3://back/", 5, before},
		{index + " s3://dst/none.index --to s3://back/", 5, before},
		{index + " --to s3://back/", 0, ""},
		{index + " --to s3://back/ --existing refuse --key b", 5, "src,b,0,2026-11-23 11:36:13+00:00,Exists\n"},
	} {
		if err := os.WriteFile(dlq, []byte(before), 0o666); err != nil {
			t.Fatal(err)
		}
		r := run(t, s.URL(), append(strings.Fields("restore "+tt.args), "--dlq", dlq)...)
		if got, err := os.ReadFile(dlq); r.exit != tt.exit || string(got) != tt.want {
			t.Errorf("%s: exit %d, dead letters %q, %v, want exit %d and %q\n%s", tt.args, r.exit, got, err, tt.exit, tt.want, r.stderr)
		}
	}
}

// Two restores of the same archive to the same folder at the same time do no
// harm to each other.
func TestRestoresAtTheSameTime(t *testing.T) {
	s := startServer(t)
	const n = 300
	var rows []string
	for i := range n {
		key := fmt.Sprintf("d%d/o%04d", i%20, i)
		plant(t, s, "src", key, sandbox.Planted{Body: bytes.Repeat([]byte{byte(i)}, 5000)})
		rows = append(rows, fmt.Sprintf("src,%s,5000", key))
	}
	plant(t, s, "dst", "manifests/m.0.index", manifestOf(rows...))
	if r := run(t, s.URL(), "-m", "s3://dst/manifests/m.0.index", "-b", "dst", "-p", "archive"); r.exit != 0 {
		t.Fatalf("exit %d:\n%s", r.exit, r.stderr)
	}
	for _, existing := range []string{"skip", "overwrite"} {
		dir := t.TempDir()
		var runs sync.WaitGroup
		for range 3 {
			runs.Go(func() {
				r := run(t, s.URL(), "restore", "s3://dst/archive/", "--to", filepath.Join(dir, "to"), "--existing", existing, "--dlq", filepath.Join(dir, "restore.dlq"))
				if r.exit != 0 {
					t.Errorf("exit %d:\n%s", r.exit, r.stderr)
				}
			})
		}
		runs.Wait()
		for i := range n {
			path := filepath.Join(dir, "to", fmt.Sprintf("d%d/o%04d", i%20, i))
			if got, err := os.ReadFile(path); !bytes.Equal(got, bytes.Repeat([]byte{byte(i)}, 5000)) {
				t.Errorf("%s has %d bytes, %v", path, len(got), err)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "to", "*", ".s3bundler-*")); len(left) > 0 {
			t.Errorf("left over: %q", left)
		}
	}
}

func TestWrongUseOfRetrieval(t *testing.T) {
	s, index := archived(t)
	file := filepath.Join(t.TempDir(), "catalogue")
	for _, tt := range []struct {
		args string
		exit int
		says string
	}{
		{"list", 2, "s3://BUCKET/KEY"},
		{"list nonsense", 2, "s3://bucket/key"},
		{"list s3://dst/none/", 5, "s3://dst/none/"},
		{"list s3://dst/none.index", 5, "NoSuchKey"},
		{"find a/one --archives s3://dst/none/", 5, "s3://dst/none/"},
		{"find a/one --archives s3://dst/none/ --catalog " + file, 5, "s3://dst/none/"},
		{"find a/one --archives s3://dst/none.index --catalog " + file, 5, "s3://dst/none.index"},
		{"restore s3://dst/none/ --to s3://dst/x --catalog " + file, 5, "s3://dst/none/"},
		{"list s3://dst/archive/ --json --csv", 2, "json"},
		{"list s3://dst/archive/ --from yesterday", 2, "yesterday"},
		{"find x", 2, "--archives"},
		{"find x --catalog /nonexistent/file", 3, "--archives"},
		{"cat " + index, 2, "key"},
		{"cat " + index + " none", 5, "none"},
		{"cat " + index + " b c", 2, "quotes"},
		{"cat " + index + " a/one --range 9-3", 2, "9-3"},
		{"cat " + index + " a/one --range 14-20", 2, "14 bytes"},
		{"restore " + index, 2, "--to"},
		{"restore " + index + " --to s3://b/ --to-source", 2, "--to-source"},
		{"restore " + index + " --to s3://none/", 4, "s3://none"},
		{"restore " + index + " --to s3://dst/x --existing maybe", 2, "maybe"},
		{"restore " + index + " --to s3://dst/x --request-restore Fast", 2, "Bulk"},
		{"restore " + index + " --to s3://dst/x --escape", 2, "--escape"},
	} {
		r := run(t, s.URL(), strings.Fields(tt.args)...)
		errs := 0
		for line := range strings.Lines(r.stderr) {
			if strings.HasPrefix(line, "ERROR:") {
				errs++
				if !strings.Contains(line, tt.says) && errs == 1 {
					t.Errorf("%s: says %q, which lacks %q", tt.args, line, tt.says)
				}
			}
		}
		if r.exit != tt.exit || errs == 0 {
			t.Errorf("%s: exit %d, want %d, %d errors:\n%s", tt.args, r.exit, tt.exit, errs, r.stderr)
		}
		t.Log(tt.args, "->", r.exit, strings.TrimSpace(fmt.Sprint(r.stderr)))
	}
}
