package sandbox

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// oddKeys are keys that make no path, or the same path as another, or one
// that leads elsewhere.
func oddKeys() []string {
	return []string{"a", "a/b", "a/b/c", "/a", "//a", "a//b", "a/", "a/b/", ".", "..", "../up", "a/../../up", "./a", ".sandbox/x", "bucket.json",
		"new\nline", "100%", "%41", "A", "é", strings.Repeat("n", 1024), strings.Repeat("d/", 512), strings.Repeat("e", 300) + "/f", "\x01"}
}

func TestDiskKeepsEveryKey(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Options{Dir: filepath.Join(dir, "s3")})
	b, err := s.bucket("src")
	if err != nil {
		t.Fatal(err)
	}
	keys := oddKeys()
	for _, k := range keys {
		if _, _, err := s.Plant("src", k, Planted{Body: []byte("body of " + k), Tags: map[string]string{"k": "v"}}); err != nil {
			t.Fatalf("%q: %v", k, err)
		}
	}
	slices.Sort(keys)
	if got := b.sortedKeys(); !slices.Equal(got, keys) {
		t.Errorf("%q", got)
	}
	check := func(b *bucket) {
		t.Helper()
		for _, k := range keys {
			v, err := b.find(k, "")
			if err != nil {
				t.Errorf("%q: %v", k, err)
				continue
			}
			body, err := readAll(v.content)
			if err != nil || string(body) != "body of "+k || len(v.Tags) != 1 || v.Checksum.Algorithm != "CRC64NVME" {
				t.Errorf("%q: %q, %+v, %v", k, body, v, err)
			}
		}
	}
	check(b)
	if body, err := os.ReadFile(filepath.Join(dir, "s3", "src", "bucket.json")); err != nil || string(body) != "body of bucket.json" {
		t.Errorf("a plain key is no plain file: %q, %v", body, err)
	}
	if got, err := os.ReadDir(dir); err != nil || len(got) != 1 {
		t.Errorf("outside the folder: %v, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := New(Options{Dir: filepath.Join(dir, "s3")})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if b, err = again.bucket("src"); err != nil {
		t.Fatal(err)
	}
	check(b)
	for _, k := range keys {
		if _, err := again.delete(b, k, "", ""); err != nil {
			t.Errorf("%q: %v", k, err)
		}
	}
	if n := countFiles(t, filepath.Join(dir, "s3")); n != 1 { // .sandbox/src/bucket.json
		t.Errorf("%d files are left", n)
	}
}

func countFiles(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDiskKeepsAllOfAnObject(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Options{Dir: dir, MinPartSize: 1})
	if err := s.CreateBucket("versions", BucketOptions{Versioned: true, Region: "eu-west-1"}); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, body := range []string{"one", "two", "three"} {
		_, id, err := s.Plant("versions", "k", Planted{Body: []byte(body), Metadata: map[string]string{"A": "b"}, StorageClass: "STANDARD_IA"})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	b, err := s.bucket("versions")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.delete(b, "k", ids[1], ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.delete(b, "k", "", ""); err != nil {
		t.Fatal(err)
	}
	// What is stored, overwritten, appended to and made of parts.
	want(t, 200, s, "PUT", "/src/k", "first")
	want(t, 200, s, "PUT", "/src/k", "second", "Content-Type", "text/x")
	id := createUpload(t, s, "/src/parts")
	etags := []string{uploadPart(t, s, "/src/parts", id, 1, "one "), uploadPart(t, s, "/src/parts", id, 2, "two")}
	uploadPart(t, s, "/src/parts", id, 3, "never named")
	completeUpload(t, s, "/src/parts", id, etags)
	createUpload(t, s, "/src/never")
	if _, _, err := s.Plant("src", "big", Planted{Generated: &Generated{Size: 1 << 40, Seed: 3}, ETag: "x-9", Checksum: "none"}); err != nil {
		t.Fatal(err)
	}
	_, middle := want(t, 206, s, "GET", "/src/big", "", "Range", "bytes=1000000000000-1000000000009")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s, err = Start(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want(t, 404, s, "GET", "/versions/k", "", "Authorization", "AWS4-HMAC-SHA256 Credential=A/2/eu-west-1/s3/aws4_request,SignedHeaders=host,Signature=0")
	b, err = s.bucket("versions")
	if err != nil || b.versioned() != "Enabled" || b.region != "eu-west-1" {
		t.Fatalf("%+v, %v", b, err)
	}
	if got := len(b.objects["k"].versions); got != 3 {
		t.Errorf("%d versions", got)
	}
	v, err := b.find("k", ids[0])
	if err != nil || v.Class != "STANDARD_IA" || len(v.Metadata) != 1 || v.Metadata[0] != (field{"a", "b"}) {
		t.Errorf("%+v, %v", v, err)
	}
	if body, err := readAll(v.content); err != nil || string(body) != "one" {
		t.Errorf("%q, %v", body, err)
	}
	h, body := want(t, 200, s, "GET", "/src/k", "")
	if body != "second" || h.Get("Content-Type") != "text/x" {
		t.Errorf("%q %v", body, h)
	}
	h, body = want(t, 200, s, "GET", "/src/parts", "")
	if body != "one two" || !strings.HasSuffix(h.Get("ETag"), `-2"`) {
		t.Errorf("%q %v", body, h)
	}
	if h, _ = want(t, 200, s, "HEAD", "/src/big", ""); h.Get("Content-Length") != "1099511627776" {
		t.Errorf("%v", h)
	}
	if _, body = want(t, 206, s, "GET", "/src/big", "", "Range", "bytes=1000000000000-1000000000009"); body != middle {
		t.Errorf("generated content changed: %q, was %q", body, middle)
	}
	if got := s.Uploads(); len(got) != 0 {
		t.Errorf("uploads outlived the server: %v", got)
	}
	if n := countFiles(t, filepath.Join(dir, "src")); n != 2 {
		t.Errorf("%d files for two objects that have content", n)
	}
}

func TestDiskThatIsDamaged(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Options{Dir: dir})
	want(t, 200, s, "PUT", "/src/k", "x")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "src", "k")); err != nil {
		t.Fatal(err)
	}
	s, err := Start(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	want(t, 500, s, "GET", "/src/k", "")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".sandbox", "src", "bucket.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "bucket.json") {
		t.Errorf("%v", err)
	}
}
