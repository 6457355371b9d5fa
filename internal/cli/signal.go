package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"s3bundler/internal/fault"
)

// exitTerminated is 128 + SIGTERM, as a shell reports it.
const exitTerminated = 143

// Signal is the cause of a command's context that a signal has ended
// (context.Cause). It is a context.Canceled to errors.Is.
type Signal struct{ os.Signal }

// Error names the signal.
func (s Signal) Error() string {
	if s.Signal == syscall.SIGTERM {
		return "terminated"
	}
	return "interrupted"
}

// Is makes the end by a signal a cancellation.
func (s Signal) Is(target error) bool { return target == context.Canceled }

func (s Signal) exitCode() int {
	if s.Signal == syscall.SIGTERM {
		return exitTerminated
	}
	return int(fault.Interrupted)
}

// Terminated reports whether SIGTERM has ended ctx: the machine is going
// away, and what can be finished in time should be.
func Terminated(ctx context.Context) bool {
	var s Signal
	return errors.As(context.Cause(ctx), &s) && s.Signal == syscall.SIGTERM
}

// withSignals returns a context that the first SIGINT or SIGTERM ends with a
// Signal as its cause; the next one ends the process at once. release gives
// the signals back and waits for the goroutine that watches them.
func withSignals(parent context.Context, stderr io.Writer) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case s := <-signals:
			// From here on the default action of a signal is in force.
			signal.Stop(signals)
			cause := Signal{s}
			fmt.Fprintf(stderr, "%v: stopping; a second signal ends at once\n", cause)
			cancel(cause)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
		<-done
	}
}
