package aws_test

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"s3bundler/internal/sandbox"
)

// server is an S3 that a test started and that ends with the test.
type server struct {
	endpoint, accessKey, secretKey string
}

// client is the SDK's own client: what it finds is independent of this
// package's code.
func (s server) client(change ...func(*s3.Options)) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: awssdk.String(s.endpoint),
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider(s.accessKey, s.secretKey, ""),
		UsePathStyle: true,
		// What a server refuses, it refuses at once.
		Retryer: awssdk.NopRetryer{},
	}, change...)
}

// startSandbox starts a sandbox that checks signatures.
func startSandbox(t testing.TB, opt sandbox.Options) (server, *sandbox.Server) {
	t.Helper()
	opt.Credentials = map[string]sandbox.Credential{"test": {SecretAccessKey: "testtest"}}
	s, err := sandbox.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return server{s.URL(), "test", "testtest"}, s
}

// startVersitygw starts versitygw on a new folder, with versioning, or skips
// the test.
func startVersitygw(t testing.TB) server {
	t.Helper()
	path := findTool(t, "versitygw", "go install github.com/versity/versitygw/cmd/versitygw@v1.8.0")
	// The port is given free for versitygw to take.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	objects, versions := filepath.Join(dir, "objects"), filepath.Join(dir, "versions")
	for _, d := range []string{objects, versions} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "--port", addr, "--keep-alive", "--quiet", "posix", "--versioning-dir", versions, objects)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=test", "ROOT_SECRET_KEY=testtest")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	go func() { // it must not block on a full pipe
		var b strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); {
			b.WriteString(lines.Text() + "\n")
		}
		said <- b.String()
	}()
	t.Cleanup(func() {
		cancel()
		output := <-said
		_ = cmd.Wait() // killed, so always an error
		if t.Failed() {
			t.Logf("versitygw said:\n%s", output)
		}
	})
	awaitServer(t, addr)
	return server{"http://" + addr, "test", "testtest"}
}

// findTool gives the path of a program that go install puts in its place, or
// skips the test.
func findTool(t testing.TB, name, install string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if out, err := exec.Command("go", "env", "GOPATH").Output(); err == nil {
		path := filepath.Join(strings.TrimSpace(string(out)), "bin", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed, so nothing is compared with it: %s", name, install)
	return ""
}

// awaitServer returns once something listens on addr.
func awaitServer(t testing.TB, addr string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("nothing listens on %s after 20 s", addr)
		}
	}
}
