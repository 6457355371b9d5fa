package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
