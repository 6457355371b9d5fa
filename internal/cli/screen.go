package cli

import (
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// screen is standard error with a line at its end that stays: what is written
// appears above the progress bar. On anything but a terminal it only makes
// each Write whole.
type screen struct {
	w     io.Writer
	width func() int // of the terminal in columns; nil where there is none

	mu   sync.Mutex
	line string // drawn last and not yet cleared; without its line end
}

// newScreen makes a screen of w; it has a status line if w is a terminal that
// can clear one.
func newScreen(w io.Writer) *screen {
	s := &screen{w: w}
	f, ok := w.(*os.File)
	if ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		s.width = func() int {
			if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
				return columns
			}
			return 80
		}
	}
	return s
}

// screenOf returns the screen that w is, or makes it one.
func screenOf(w io.Writer) *screen {
	if s, ok := w.(*screen); ok {
		return s
	}
	return newScreen(w)
}

// clearLine goes to the start of the line and erases it.
const clearLine = "\r\x1b[K"

// Write writes whole lines above the status line.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line == "" {
		return s.w.Write(p)
	}
	_, err := io.WriteString(s.w, clearLine+string(p)+s.line)
	return len(p), err
}

// writeTo writes whole lines to w, which may be the same terminal.
func (s *screen) writeTo(w io.Writer, p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line == "" {
		return w.Write(p)
	}
	_, _ = io.WriteString(s.w, clearLine)
	n, err := w.Write(p)
	_, _ = io.WriteString(s.w, s.line)
	return n, err
}

// draw replaces the status line; an empty one takes it away. Its error is of
// no use to anybody: a terminal that is gone shows no progress.
func (s *screen) draw(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.width == nil || line == s.line {
		return
	}
	// One column stays free, or some terminals go to the next line.
	if runes := []rune(line); len(runes) >= s.width() {
		line = string(runes[:s.width()-1])
	}
	s.line = line
	_, _ = io.WriteString(s.w, clearLine+line)
}
