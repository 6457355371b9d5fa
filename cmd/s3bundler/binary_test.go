package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"s3bundler/internal/sandbox"
)

// binary is the built command.
var binary string

func TestMain(m *testing.M) {
	if file := os.Getenv(measureInto); file != "" {
		os.Exit(measure(file, os.Args[1:]))
	}
	dir, err := os.MkdirTemp("", "s3bundler")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "s3bundler")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// startServer starts a sandbox with a source and an archive bucket.
func startServer(t *testing.T) *sandbox.Server {
	t.Helper()
	s, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for name, opt := range map[string]sandbox.BucketOptions{"src": {}, "dst": {}, "sink": {Discard: true}} {
		if err := s.CreateBucket(name, opt); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func plant(t *testing.T, s *sandbox.Server, bucket, key string, p sandbox.Planted) {
	t.Helper()
	if _, _, err := s.Plant(bucket, key, p); err != nil {
		t.Fatal(err)
	}
}

// ran is how a command ended.
type ran struct {
	exit           int
	stdout, stderr string
}

func run(t *testing.T, endpoint string, args ...string) ran {
	t.Helper()
	return runWith(t, credentials(endpoint), args...)
}

// credentials are what a command needs for the sandbox.
func credentials(endpoint string) (env []string) {
	return []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=testtest", "AWS_ENDPOINT_URL=" + endpoint}
}

// runWith runs the command with env for all that it knows of AWS.
func runWith(t *testing.T, env []string, args ...string) ran {
	t.Helper()
	return runProgram(t, binary, env, args...)
}

func runProgram(t *testing.T, program string, env []string, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append([]string{
		"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "TMPDIR=/nonexistent",
		"AWS_EC2_METADATA_DISABLED=true",
	}, env...)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func manifestOf(rows ...string) sandbox.Planted {
	return sandbox.Planted{Body: []byte(strings.Join(rows, "\n") + "\n")}
}

func TestPrefixOfManifests(t *testing.T) {
	s := startServer(t)
	for i := range 4 {
		plant(t, s, "src", fmt.Sprintf("k%d", i), sandbox.Planted{Body: []byte("content")})
		plant(t, s, "dst", fmt.Sprintf("manifests/m.%d.index", i), manifestOf(fmt.Sprintf("src,k%d,7", i), "src,gone,1"))
	}
	plant(t, s, "dst", "manifests/m.0.index.dlq", manifestOf("src,old,1,,Retry"))
	args := []string{"-m", "s3://dst/manifests/", "-b", "dst", "-p", "archive", "--workers", "3"}
	r := run(t, s.URL(), args...)
	if r.exit != 0 || !strings.Contains(r.stderr, "4 objects, 28 B, 4 archives, 4 dead letters (NoSuchKey 4)") {
		t.Errorf("exit %d:\n%s", r.exit, r.stderr)
	}
	for _, phrase := range []string{"begin processing s3://dst/manifests/m.2.index", "successfully archived s3://dst/manifests/m.2.index", "ERROR: skipped s3://src/gone: deleted"} {
		if !strings.Contains(r.stderr, phrase) {
			t.Errorf("the log lacks %q:\n%s", phrase, r.stderr)
		}
	}
	s.ResetStats()
	r = run(t, s.URL(), args...)
	if r.exit != 0 || !strings.Contains(r.stderr, "0 archives, 4 skipped manifests") {
		t.Errorf("again: exit %d:\n%s", r.exit, r.stderr)
	}
	if n := s.Stats().Requests["PutObject"]; n != 0 {
		t.Errorf("the second run wrote %d objects", n)
	}
	// The whole bucket holds indexes of archives too, which are no manifests.
	r = run(t, s.URL(), "-m", "s3://dst/", "-b", "dst", "-p", "archive")
	if r.exit != 0 || !strings.Contains(r.stderr, "4 skipped manifests") {
		t.Errorf("the whole bucket: exit %d:\n%s", r.exit, r.stderr)
	}
}

func TestDeadLettersRunAgain(t *testing.T) {
	s := startServer(t)
	plant(t, s, "src", "a", sandbox.Planted{Body: []byte("a")})
	plant(t, s, "dst", "m.0.index", manifestOf("src,a,1", "src,late+key,2"))
	if r := run(t, s.URL(), "-m", "s3://dst/m.0.index", "-b", "dst"); r.exit != 0 {
		t.Fatalf("exit %d:\n%s", r.exit, r.stderr)
	}
	plant(t, s, "src", "late key", sandbox.Planted{Body: []byte("ok")})
	r := run(t, s.URL(), "-m", "s3://dst/m.0.index.dlq", "-b", "dst", "-f", "Bucket", "Key", "Size", "LastModifiedDate", "Reason")
	if r.exit != 0 || !strings.Contains(r.stderr, "1 object, 2 B, 1 archive, 0 dead letters") {
		t.Errorf("exit %d:\n%s", r.exit, r.stderr)
	}
}

func TestWrongUse(t *testing.T) {
	s := startServer(t)
	plant(t, s, "dst", "empty.0.index", sandbox.Planted{})
	plant(t, s, "dst", "m.0.index", manifestOf("src,k,1"))
	credentials := []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=testtest", "AWS_ENDPOINT_URL=" + s.URL()}
	for _, tt := range []struct {
		name string
		env  []string
		args []string
		exit int
		says []string
	}{
		{"nothing", credentials, nil, 2, []string{"-m", "--help"}},
		{"no bucket", credentials, []string{"-m", "s3://dst/m.0.index"}, 2, []string{"-b", "--help"}},
		{"no URI", credentials, []string{"-m", "dst/m.0.index", "-b", "dst"}, 2, []string{"s3://bucket/key"}},
		{"no size", credentials, []string{"-m", "s3://dst/m.0.index", "-b", "dst", "-s", "2 GB"}, 2, []string{`"2 GB"`}},
		{"an unknown flag", credentials, []string{"--nope"}, 2, []string{"--nope", "--help"}},
		{"no manifest", credentials, []string{"-m", "s3://dst/none.index", "-b", "dst"}, 5, []string{"s3://dst/none.index", "NoSuchKey"}},
		{"no bucket of that name", credentials, []string{"-m", "s3://none/m.index", "-b", "dst"}, 5, []string{"s3://none", "bucket"}},
		{"no archive bucket", credentials, []string{"-m", "s3://dst/m.0.index", "-b", "none"}, 4, []string{"s3://none", "bucket"}},
		{"an empty manifest", credentials, []string{"-m", "s3://dst/empty.0.index", "-b", "dst"}, 3, []string{"s3://dst/empty.0.index", "empty"}},
		{"nothing below the prefix", credentials, []string{"-m", "s3://dst/nothing/", "-b", "dst"}, 5, []string{"s3://dst/nothing/", "s3grouper"}},
		{"no credentials", []string{"AWS_ENDPOINT_URL=" + s.URL()}, []string{"-m", "s3://dst/m.0.index", "-b", "dst"}, 7, []string{"credentials"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := runWith(t, tt.env, tt.args...)
			if r.exit != tt.exit {
				t.Errorf("exit %d, want %d", r.exit, tt.exit)
			}
			var errs []string
			for line := range strings.Lines(r.stderr) {
				if strings.HasPrefix(line, "ERROR:") {
					errs = append(errs, line)
				}
			}
			if len(errs) != 1 {
				t.Fatalf("%d ERROR: lines:\n%s", len(errs), r.stderr)
			}
			for _, want := range tt.says {
				if !strings.Contains(errs[0], want) {
					t.Errorf("says %q, which lacks %q", errs[0], want)
				}
			}
			t.Logf("exit %d: %s", r.exit, errs[0])
		})
	}
	if open := s.Uploads(); len(open) > 0 {
		t.Errorf("uploads left open: %v", open)
	}
}

// TestInterruptedUpload interrupts a run that is uploading an archive.
func TestInterruptedUpload(t *testing.T) {
	for _, tt := range []struct {
		signal syscall.Signal
		exit   int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
		t.Run(tt.signal.String(), func(t *testing.T) {
			uploading := make(chan struct{}, 100)
			s, err := sandbox.Start(sandbox.Options{Before: func(e sandbox.Exchange) {
				if e.Operation == "UploadPart" {
					uploading <- struct{}{}
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for _, b := range []string{"src", "dst"} {
				if err := s.CreateBucket(b, sandbox.BucketOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			var rows []string
			for i := range 5 {
				plant(t, s, "src", fmt.Sprint(i), sandbox.Planted{Generated: &sandbox.Generated{Size: 10 << 20, Seed: uint64(i)}})
				rows = append(rows, fmt.Sprintf("src,%d,%d", i, 10<<20))
			}
			plant(t, s, "dst", "m.0.index", manifestOf(rows...))
			s.SetFaults(sandbox.Rule{Operation: "UploadPart", Fault: sandbox.Fault{Kind: sandbox.Latency, Latency: sandbox.Duration(time.Hour)}})

			cmd := exec.CommandContext(t.Context(), binary, "-m", "s3://dst/m.0.index", "-b", "dst")
			cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=testtest", "AWS_ENDPOINT_URL="+s.URL())
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-uploading
			if err := cmd.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != tt.exit {
				t.Errorf("%v, want exit %d:\n%s", err, tt.exit, stderr.String())
			}
			if open := s.Uploads(); len(open) > 0 {
				t.Errorf("uploads left open: %v", open)
			}
		})
	}
}
