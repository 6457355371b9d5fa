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
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"s3bundler/internal/sandbox"
)

// engine builds and runs images with podman, in a store of the test's own.
type engine struct{ env []string }

// startEngine skips the test where images cannot be built.
func startEngine(t *testing.T) engine {
	t.Helper()
	if testing.Short() {
		t.Skip("images are not built in a short run")
	}
	for _, program := range []string{"podman", "runc"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: images are neither built nor run", program)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("images are built as root alone here")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	conf := write("containers.conf", "[containers]\ndefault_ulimits=[\"nofile=1024:1024\",\"nproc=4096:4096\"]\n"+
		"[engine]\nruntime=\"runc\"\ncgroup_manager=\"cgroupfs\"\ntmp_dir=\""+dir+"/tmp\"\n")
	storage := write("storage.conf", "[storage]\ndriver=\"vfs\"\ngraphroot=\""+dir+"/root\"\nrunroot=\""+dir+"/run\"\n")
	e := engine{append(os.Environ(), "CONTAINERS_CONF="+conf, "CONTAINERS_STORAGE_CONF="+storage)}
	if out, err := e.podman("info"); err != nil {
		t.Skipf("podman does not work here: %v\n%s", err, out)
	}
	return e
}

// podman returns standard output and, if it fails, standard error too.
func (e engine) podman(args ...string) (string, error) {
	cmd := exec.Command("podman", args...)
	cmd.Env = e.env
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		out.WriteString(errs.String())
	}
	return out.String(), err
}

func (e engine) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := e.podman(args...)
	if err != nil {
		t.Fatalf("podman %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// standIn makes an image to build in where none can be pulled: a shell, the
// CA certificates, and this machine's Go, which is mounted.
func (e engine) standIn(t *testing.T) {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{"/bin/sh": "/bin/dash", "/etc/ssl/certs/ca-certificates.crt": "/etc/ssl/certs/ca-certificates.crt"}
	libraries, err := exec.Command("ldd", "/bin/dash").Output()
	if err != nil {
		t.Skipf("no shell to build with: ldd /bin/dash: %v", err)
	}
	for _, path := range regexp.MustCompile(`/\S+`).FindAllString(string(libraries), -1) {
		files[path] = path
	}
	for to, from := range files {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Skipf("no stand-in for the builder: %v", err)
		}
		if err := os.MkdirAll(filepath.Dir(root+to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+to, b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(root+"/tmp", 0o777); err != nil {
		t.Fatal(err)
	}
	dockerfile := "FROM scratch\nCOPY . /\nENV PATH=/go-root/bin:/bin HOME=/tmp GOROOT=/go-root GOCACHE=/go-cache GOMODCACHE=/go-modules GOPROXY=off GOFLAGS=-mod=mod GOTOOLCHAIN=local\n"
	file := filepath.Join(t.TempDir(), "Dockerfile")
	if err := os.WriteFile(file, []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	e.must(t, "build", "--network=none", "-t", "localhost/stand-in", "-f", file, root)
}

const tag = "v1.2.3"

// build runs the script of 'make images', with the stand-in and without the
// network.
func (e engine) build(t *testing.T, archs string) {
	t.Helper()
	args := "--no-cache --pull=never --network=none"
	for variable, to := range map[string]string{"GOROOT": "/go-root:ro", "GOCACHE": "/go-cache", "GOMODCACHE": "/go-modules:ro"} {
		from, err := exec.Command("go", "env", variable).Output()
		if err != nil {
			t.Fatal(err)
		}
		args += " --volume=" + strings.TrimSpace(string(from)) + ":" + to
	}
	cmd := exec.Command("./images.sh")
	cmd.Env = append(e.env, "ENGINE=podman", "ARCHS="+archs, "GO_IMAGE=localhost/stand-in", "BUILD_ARGS="+args,
		"VERSION="+tag, "COMMIT=0123456789ab", "SOURCE_DATE_EPOCH=0", "REGISTRY=", "PUSH=")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "\nlocalhost/s3bundler:"+tag+"\n") {
		t.Fatalf("images.sh: %v\n%s", err, out)
	}
}

// layers are the digests of what an image consists of.
func (e engine) layers(t *testing.T, image string) string {
	t.Helper()
	return e.must(t, "image", "inspect", image, "--format", "{{.RootFS.Layers}}")
}

// run runs an image as ECS does: nothing to write to, no rights.
func (e engine) run(image string, env []string, args ...string) (string, error) {
	all := []string{"run", "--rm", "--network=host", "--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges"}
	for _, v := range env {
		all = append(all, "--env", v)
	}
	return e.podman(append(append(all, image), args...)...)
}

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
