package cli

import (
	"context"
	"io"
	"log/slog"
)

// Console is a command's standard error: log lines, a progress bar below
// them, and the summary. It is safe for concurrent use.
type Console struct {
	// Log writes what the log flags let through, one line a record.
	Log    *slog.Logger
	screen *screen
}

// NewConsole writes records of at least level to w, and the progress bar too
// if w is a terminal.
func NewConsole(w io.Writer, level slog.Level) *Console {
	s := screenOf(w)
	return &Console{Log: slog.New(NewHandler(s, level)), screen: s}
}

// Notice logs a start or an end.
func (c *Console) Notice(line string) {
	c.Log.Log(context.Background(), LevelNotice, line)
}

// Output returns a writer of whole lines to w, a command's standard output,
// that keeps them apart from the progress bar where both are one terminal.
func (c *Console) Output(w io.Writer) io.Writer { return output{c.screen, w} }

type output struct {
	screen *screen
	w      io.Writer
}

func (o output) Write(p []byte) (int, error) { return o.screen.writeTo(o.w, p) }
