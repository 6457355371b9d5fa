package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"s3bundler/internal/fault"
)

// Main runs cmd with args as a process does, under a context that ends with
// the first SIGINT or SIGTERM, and returns the exit code.
func Main(cmd *cobra.Command, args []string) int {
	if _, ok := cmd.ErrOrStderr().(*screen); !ok {
		cmd.SetErr(newScreen(os.Stderr))
	}
	ctx, release := withSignals(context.Background(), cmd.ErrOrStderr())
	defer release()
	return Run(ctx, cmd, args)
}

// Run runs cmd with args and returns the exit code. An error is printed to
// cmd's standard error, on one line and nowhere else; of the end by a signal,
// which has been announced, nothing more is said.
func Run(ctx context.Context, cmd *cobra.Command, args []string) int {
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.Version = Version()
	started := false
	onStart(cmd, func() { started = true })
	cmd.SetArgs(args)
	ran, err := cmd.ExecuteContextC(ctx)
	var wrong *usageError
	if err == nil {
		return 0
	}
	if !started || errors.As(err, &wrong) {
		// Cobra's message of an unknown command has a second paragraph.
		fmt.Fprintf(cmd.ErrOrStderr(), "%s%s; see %s --help\n", errorPrefix, OneLine(err.Error()), ran.CommandPath())
		return int(fault.Usage)
	}
	var s Signal
	if errors.Is(err, context.Canceled) && errors.As(context.Cause(ctx), &s) {
		return s.exitCode()
	}
	fmt.Fprintln(cmd.ErrOrStderr(), errorPrefix+OneLine(err.Error()))
	return fault.ExitCode(err)
}

// onStart has f called before the work of cmd or a subcommand starts: an
// error without it is one of usage.
func onStart(cmd *cobra.Command, f func()) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			f()
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		onStart(sub, f)
	}
}

type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

// Usagef makes the error of a command that finds its flags wrong: it is
// printed with a hint to --help, and the command exits 2.
func Usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}
