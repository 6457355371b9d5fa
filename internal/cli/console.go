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
