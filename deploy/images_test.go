package deploy_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"s3bundler/internal/sandbox"
)

// TestImages builds both images, looks at what is in them, and does a whole
// job with them.
func TestImages(t *testing.T) {
	e := startEngine(t)
	e.standIn(t)
	e.build(t, runtime.GOARCH)
	first := map[string]string{}
	for _, name := range []string{"grouper", "bundler"} {
		first[name] = e.layers(t, image(name))
		e.inspect(t, name)
	}
	e.build(t, runtime.GOARCH)
	for name, layers := range first {
		if again := e.layers(t, image(name)); again != layers {
			t.Errorf("s3%s: the same source gives %s and %s", name, layers, again)
		}
	}
	e.job(t)
}

func image(name string) string { return "localhost/s3" + name + ":" + tag }

// TestImagesForBoth builds for the architectures that Spot instances have.
func TestImagesForBoth(t *testing.T) {
	e := startEngine(t)
	e.standIn(t)
	e.build(t, "amd64 arm64")
	for _, name := range []string{"grouper", "bundler"} {
		var list struct {
			Manifests []struct {
				Platform struct{ Architecture string }
			}
		}
		if err := json.Unmarshal([]byte(e.must(t, "manifest", "inspect", image(name))), &list); err != nil {
			t.Fatal(err)
		}
		var archs []string
		for _, m := range list.Manifests {
			archs = append(archs, m.Platform.Architecture)
		}
		slices.Sort(archs)
		if !slices.Equal(archs, []string{"amd64", "arm64"}) {
			t.Errorf("s3%s is for %v", name, archs)
		}
	}
}

// TestImagesWithoutEngine has the script say that there is nothing to build
// with, and what to do.
func TestImagesWithoutEngine(t *testing.T) {
	bin := t.TempDir()
	for _, program := range []string{"bash", "dirname", "git"} {
		path, err := exec.LookPath(program)
		if err != nil {
			t.Skipf("%s is not installed", program)
		}
		if err := os.Symlink(path, filepath.Join(bin, program)); err != nil {
			t.Fatal(err)
		}
	}
	for engine, want := range map[string]string{"": "no container engine", "crane": "ENGINE=crane"} {
		cmd := exec.Command("/bin/bash", "./images.sh")
		cmd.Env = []string{"PATH=" + bin, "ENGINE=" + engine}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("ENGINE=%s: %v, %s", engine, err, out)
		}
	}
}

func TestImagesShellcheck(t *testing.T) {
	check, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("shellcheck is not installed")
	}
	if out, err := exec.Command(check, "images.sh").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func (e engine) inspect(t *testing.T, name string) {
	t.Helper()
	image := image(name)
	var found []struct {
		Size         int64
		Config       struct{ User string }
		Architecture string
		HealthCheck  *struct{ Test []string } `json:"Healthcheck"`
	}
	if err := json.Unmarshal([]byte(e.must(t, "image", "inspect", image)), &found); err != nil || len(found) != 1 {
		t.Fatalf("%s: %v", image, err)
	}
	if found[0].Config.User != "65532:65532" {
		t.Errorf("%s runs as %q", image, found[0].Config.User)
	}
	if checked := found[0].HealthCheck != nil; checked != (name == "bundler") {
		t.Errorf("%s: health check %v", image, found[0].HealthCheck)
	}
	version, err := e.run(image, nil, "--version")
	if err != nil || !strings.Contains(version, "v1.2.3 commit 0123456789ab") {
		t.Errorf("%s --version: %v, %s", image, err, version)
	}

	// The image is the program, the certificates, and next to nothing else.
	container := strings.TrimSpace(e.must(t, "create", image))
	file := filepath.Join(t.TempDir(), "root.tar")
	e.must(t, "export", "-o", file, container)
	e.must(t, "rm", container)
	program, rest := int64(0), int64(0)
	for name, body := range untar(t, file) {
		switch {
		case strings.HasPrefix(name, "s3"):
			program = int64(len(body))
			static(t, body)
		default:
			rest += int64(len(body))
		}
	}
	if program == 0 || rest > 1<<20 || found[0].Size > program+2<<20 {
		t.Errorf("%s: %d bytes, the program %d, other files %d", image, found[0].Size, program, rest)
	}
}

// static holds that a program needs no dynamic linker.
func static(t *testing.T, program []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ldd", file).CombinedOutput(); err == nil {
		t.Errorf("not static: %s", out)
	}
}

func untar(t *testing.T, file string) map[string][]byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return members(t, f)
}

// members are the regular files of a tar.
func members(t *testing.T, r io.Reader) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = b
	}
}

// job runs s3grouper and s3bundler in their containers, against an S3 on this
// machine.
func (e engine) job(t *testing.T) {
	t.Helper()
	s3, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s3.Close()
	for _, bucket := range []string{"src1", "archive"} {
		if err := s3.CreateBucket(bucket, sandbox.BucketOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	plant := func(bucket string) func(string, []byte) {
		return func(key string, body []byte) {
			if _, _, err := s3.Plant(bucket, key, sandbox.Planted{Body: body}); err != nil {
				t.Fatal(err)
			}
		}
	}
	objects := source(200)
	for key, body := range objects {
		plant("src1")(key, body)
	}
	report := inventory(t, "src1", sizes(objects), plant("archive"))
	env := []string{"AWS_ENDPOINT_URL=" + s3.URL(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=us-east-1"}
	if out, err := e.run(image("grouper"), env, "-m", "s3://archive/"+report, "-b", "archive", "-p", "manifests"); err != nil {
		t.Fatalf("s3grouper: %v\n%s", err, out)
	}
	if out, err := e.run(image("bundler"), env, "-m", "s3://archive/manifests/", "-b", "archive", "-p", "packed"); err != nil {
		t.Fatalf("s3bundler: %v\n%s", err, out)
	}
	get := func(path string) []byte { return get(t, s3.URL()+path) }
	checkArchives(t, get, "archive", "packed/", "src1", objects)
}

// checkArchives holds that the archives below a prefix hold the objects, each
// once and byte for byte.
func checkArchives(t *testing.T, get func(path string) []byte, bucket, prefix, source string, objects map[string][]byte) {
	t.Helper()
	var list struct {
		Contents []struct{ Key string }
	}
	if err := xml.Unmarshal(get("/"+bucket+"?list-type=2&prefix="+prefix), &list); err != nil {
		t.Fatal(err)
	}
	archived := 0
	for _, c := range list.Contents {
		if !strings.HasSuffix(c.Key, ".tar") {
			continue
		}
		for name, body := range members(t, bytes.NewReader(get("/"+bucket+"/"+c.Key))) {
			want, ok := objects[strings.TrimPrefix(name, source+"/")]
			if !ok || !bytes.Equal(body, want) {
				t.Errorf("%s holds %s with %d bytes", c.Key, name, len(body))
			}
			archived++
		}
	}
	if archived != len(objects) {
		t.Errorf("%d of %d objects are archived", archived, len(objects))
	}
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%s", url, answer.Status, err, b)
	}
	return b
}
