package main_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"s3bundler/internal/sandbox"
)

// measureInto names the variable with the file that measure writes to.
const measureInto = "S3BUNDLER_TEST_MEASURE_INTO"

// measure runs a command and writes its largest resident memory, in bytes, to
// a file. A process starts with the largest size of the one that started it,
// so that this must be a small one, and not the tests with their servers.
func measure(file string, args []string) (exit int) {
	os.Unsetenv(measureInto)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	var failed *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &failed) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if err := os.WriteFile(file, []byte(strconv.FormatInt(usage.Maxrss<<10, 10)), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// TestMemory: no manifest takes more than 256 MiB of resident memory.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("moves 2 GiB")
	}
	if raced() {
		t.Skip("moves 5 GiB, through a sandbox that the race detector slows down: make memory runs it without")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) string { // that does not compress, as base64
		b := make([]byte, n*3/4)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	large := func(t *testing.T, s *sandbox.Server, size, manifests int) (args []string) {
		plant(t, s, "src", "large", sandbox.Planted{Generated: &sandbox.Generated{Size: int64(size), Seed: 1}})
		for m := range manifests {
			rows := []string{fmt.Sprintf("src,large,%d", size)}
			for i := range 3000 {
				key := fmt.Sprintf("small%d", i)
				if m == 0 {
					plant(t, s, "src", key, sandbox.Planted{Generated: &sandbox.Generated{Size: 20_000, Seed: uint64(i)}})
				}
				rows = append(rows, fmt.Sprintf("src,%s,20000", key))
			}
			key := fmt.Sprintf("m.%d.index", m)
			plant(t, s, "dst", key, manifestOf(rows...))
			args = append(args, "-m", "s3://dst/"+key)
		}
		return append(args, "--workers", fmt.Sprint(manifests))
	}
	for _, tt := range []struct {
		name  string
		plant func(*testing.T, *sandbox.Server) []string
	}{
		{"a large object", func(t *testing.T, s *sandbox.Server) []string { return large(t, s, 2<<30-1, 1) }},
		{"four workers", func(t *testing.T, s *sandbox.Server) []string { return large(t, s, 128<<20, 4) }},
		{"sixteen workers", func(t *testing.T, s *sandbox.Server) []string { return large(t, s, 64<<20, 16) }},
		{"much metadata", func(t *testing.T, s *sandbox.Server) []string {
			var rows []string
			for i := range 65_000 {
				key := fmt.Sprintf("k%d", i)
				plant(t, s, "src", key, sandbox.Planted{Body: []byte("x"), Metadata: map[string]string{"m": noise(1900)}})
				rows = append(rows, "src,"+key+",1")
			}
			plant(t, s, "dst", "m.0.index", manifestOf(rows...))
			return []string{"-m", "s3://dst/m.0.index"}
		}},
		{"bad rows first", func(t *testing.T, s *sandbox.Server) []string {
			rows := make([]string, 0, 300_001)
			for range 300_000 {
				rows = append(rows, "src,"+noise(300))
			}
			plant(t, s, "src", "k", sandbox.Planted{Body: []byte("x")})
			plant(t, s, "dst", "m.0.index", manifestOf(append(rows, "src,k,1")...))
			return []string{"-m", "s3://dst/m.0.index"}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startServer(t)
			args := append(tt.plant(t, s), "-b", "sink", "-s", "3GB")
			r, resident := runMeasured(t, s.URL(), args...)
			if r.exit != 0 {
				t.Fatalf("exit %d:\n%.3000s", r.exit, r.stderr)
			}
			summary := strings.Split(strings.TrimSpace(r.stderr), "\n")
			t.Logf("%d MiB resident: %s", resident>>20, summary[len(summary)-1])
			if resident > 256<<20 {
				t.Errorf("%d MiB resident, want at most 256", resident>>20)
			}
		})
	}
}

// raced reports whether the tests run with the race detector.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// runMeasured is run, and tells the largest resident memory in bytes.
func runMeasured(t *testing.T, endpoint string, args ...string) (r ran, resident int64) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "resident")
	r = runProgram(t, self, append(credentials(endpoint), measureInto+"="+file), append([]string{binary}, args...)...)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, r.stderr)
	}
	if resident, err = strconv.ParseInt(string(text), 10, 64); err != nil {
		t.Fatal(err)
	}
	return r, resident
}
