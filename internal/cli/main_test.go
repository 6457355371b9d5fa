package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

func command(run func(*cobra.Command, []string) error) *cobra.Command {
	var flags Flags
	var m object.Location
	cmd := &cobra.Command{Use: "tool -m s3://BUCKET/KEY", Short: "A tool.", Args: cobra.NoArgs, RunE: run}
	flags.AddWithRegion(cmd, "r")
	cmd.Flags().VarP(ObjectURI(&m), "manifest", "m", "the manifest")
	_ = cmd.MarkFlagRequired("manifest")
	Exits(cmd, fault.Read, fault.API)
	return cmd
}

func TestRun(t *testing.T) {
	nothing := func(*cobra.Command, []string) error { return nil }
	fails := func(err error) func(*cobra.Command, []string) error {
		return func(*cobra.Command, []string) error { return err }
	}
	tests := []struct {
		name   string
		args   string
		run    func(*cobra.Command, []string) error
		code   int
		stderr string
	}{
		{"success", "-m s3://b/k", nothing, 0, ""},
		{"a missing flag", "", nothing, 2, `ERROR: required flag(s) "manifest" not set; see tool --help`},
		{"an unknown flag", "--nope", nothing, 2, `ERROR: unknown flag: --nope; see tool --help`},
		{"a word too many", "-m s3://b/k more", nothing, 2, `ERROR: unknown command "more" for "tool"; see tool --help`},
		{"a bad URI", "-m x", nothing, 2, `ERROR: invalid argument "x" for "-m, --manifest" flag: "x" is no S3 URI: write s3://bucket/key; see tool --help`},
		{"usage found later", "-m s3://b/k", fails(Usagef("%s and %s exclude each other", "-q", "-m")), 2, `ERROR: -q and -m exclude each other; see tool --help`},
		{"a kind", "-m s3://b/k", fails(fault.New(fault.Read, "read", "s3://b/k\nx", errors.New("no gzip data"), "")), 3, `ERROR: read s3://b/k x: no gzip data`},
		{"a plain error", "-m s3://b/k", fails(errors.New("a\nb")), 1, `ERROR: a\nb`},
		{"a local write", "-m s3://b/k", fails(fault.New(fault.Write, "write", "/tmp/x", nil, "")), 2, `ERROR: write /tmp/x`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			var out, errs bytes.Buffer
			cmd := command(tt.run)
			cmd.SetOut(&out)
			cmd.SetErr(&errs)
			code := Run(t.Context(), cmd, strings.Fields(tt.args))
			if got := strings.TrimSuffix(errs.String(), "\n"); code != tt.code || got != tt.stderr {
				t.Errorf("exit %d, stderr %q\nwant %d, %q", code, got, tt.code, tt.stderr)
			}
			if out.Len() > 0 {
				t.Errorf("stdout: %q", out.String())
			}
		})
	}
}

func TestHelpListsExitCodes(t *testing.T) {
	var out bytes.Buffer
	cmd := command(func(*cobra.Command, []string) error { return nil })
	cmd.SetOut(&out)
	if code := Run(t.Context(), cmd, []string{"--help"}); code != 0 {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{"Exit codes:", "  0  all", "  2  wrong usage", "  3  malformed", "  7  another AWS", "130  interrupted", "-r, --region REGION", "-m, --manifest s3://BUCKET/KEY"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("help lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "  4  ") {
		t.Errorf("help lists a code that the command has not:\n%s", out.String())
	}
}

func TestVersion(t *testing.T) {
	var out bytes.Buffer
	cmd := command(func(*cobra.Command, []string) error { return nil })
	cmd.SetOut(&out)
	code := Run(t.Context(), cmd, []string{"--version"})
	if code != 0 || !strings.HasPrefix(out.String(), "tool version ") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("exit %d, %q", code, out.String())
	}
}

// TestSignals runs this test binary as a command that gets a signal.
func TestSignals(t *testing.T) {
	if how := os.Getenv("CLI_TEST_SIGNAL"); how != "" {
		os.Exit(Main(signalled(how), nil))
	}
	tests := []struct {
		how    string
		signal syscall.Signal
		code   int
		stderr string
	}{
		{"stop", syscall.SIGINT, 130, "interrupted: stopping; a second signal ends at once\n"},
		{"stop", syscall.SIGTERM, 143, "terminated: stopping; a second signal ends at once\n"},
		{"drain", syscall.SIGTERM, 0, "terminated: stopping; a second signal ends at once\n"},
		{"fail", syscall.SIGINT, 4, "interrupted: stopping; a second signal ends at once\nERROR: upload s3://b/k\n"},
		{"hang", syscall.SIGINT, -1, "interrupted: stopping; a second signal ends at once\n"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.how, " ", tt.signal), func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSignals$")
			cmd.Env = append(os.Environ(), "CLI_TEST_SIGNAL="+tt.how)
			var errs bytes.Buffer
			cmd.Stderr = &errs
			ready, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line := make([]byte, 16)
			for range 2 { // when it is up, and, if it hangs, when it has seen the first signal
				if n, _ := ready.Read(line); n > 0 {
					_ = cmd.Process.Signal(tt.signal)
				}
			}
			_ = cmd.Wait()
			if got := errs.String(); cmd.ProcessState.ExitCode() != tt.code || got != tt.stderr {
				t.Errorf("%v, stderr %q\nwant %d, %q", cmd.ProcessState, got, tt.code, tt.stderr)
			}
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); tt.code < 0 && status.Signal() != tt.signal {
				t.Errorf("ended with %v, want %v", cmd.ProcessState, tt.signal)
			}
		})
	}
}

// signalled is a command that waits for a signal and then does as how says.
func signalled(how string) *cobra.Command {
	return &cobra.Command{Use: "tool", RunE: func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		fmt.Println("ready")
		<-ctx.Done()
		switch {
		case how == "drain" && Terminated(ctx):
			return nil
		case how == "fail":
			return fault.New(fault.Upload, "upload", "s3://b/k", nil, "")
		case how == "hang":
			fmt.Println("hangs")
			select {}
		}
		return fmt.Errorf("get s3://b/k: %w", context.Cause(ctx))
	}}
}
