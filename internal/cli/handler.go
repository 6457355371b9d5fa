package cli

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// LevelNotice is the level of what is logged without any flag: starts, ends
// and, above it, warnings and errors. slog.LevelInfo lies below it because
// log ingestion costs money.
const LevelNotice = slog.LevelInfo + 2

// Handler writes every record as one line:
//
//	[ERROR: ]message name=value …[: error]
//
// Only slog.LevelError and above carry the prefix, which the metric filter of
// the templates looks for. An attribute named "err" ends the line, after a
// colon. Times are left to what collects the lines. Line ends and other
// characters that do not print are escaped, so that a key cannot forge a
// record or move a terminal's cursor.
//
// A record is one Write; the Writer must be safe for concurrent use.
type Handler struct {
	w     io.Writer
	level slog.Leveler
	group string // "a.b." before the names of attributes
	attrs string // formatted already
	err   string // the attribute that ends the line
}

// NewHandler returns a Handler that drops records below level.
func NewHandler(w io.Writer, level slog.Leveler) *Handler {
	return &Handler{w: w, level: level}
}

// Enabled reports whether records of this level are written.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// Handle writes one record.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	line := *h
	r.Attrs(func(a slog.Attr) bool { line.add(a); return true })
	var b strings.Builder
	if r.Level >= slog.LevelError {
		b.WriteString(errorPrefix)
	}
	b.WriteString(OneLine(r.Message))
	b.WriteString(line.attrs)
	if line.err != "" {
		b.WriteString(": " + line.err)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(h.w, b.String())
	return err
}

// WithAttrs returns a Handler that writes attrs with every record.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	for _, a := range attrs {
		c.add(a)
	}
	return &c
}

// WithGroup returns a Handler that writes name and a dot before the names of
// the attributes to come.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	c := *h
	c.group += name + "."
	return &c
}

func (h *Handler) add(a slog.Attr) {
	v := a.Value.Resolve()
	switch {
	case v.Kind() == slog.KindGroup:
		inner := *h
		if a.Key != "" {
			inner.group += a.Key + "."
		}
		for _, g := range v.Group() {
			inner.add(g)
		}
		h.attrs, h.err = inner.attrs, inner.err
	case a.Equal(slog.Attr{}):
	case a.Key == "err" && h.group == "":
		h.err = OneLine(v.String())
	default:
		h.attrs += " " + OneLine(h.group+a.Key) + "=" + quoted(v.String())
	}
}

// quoted quotes a value that would otherwise not be told from what follows.
func quoted(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r == ' ' || r == '"' || r == '=' }) {
		return strconv.Quote(s)
	}
	return OneLine(s)
}

// OneLine returns s with every character that does not print escaped as in a
// Go string literal; a byte that is no UTF-8 becomes \xXX.
func OneLine(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return s
	}
	b := make([]byte, 0, len(s)+16)
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if unicode.IsPrint(r) && (r != utf8.RuneError || n > 1) {
			b = append(b, s[:n]...)
		} else {
			q := strconv.Quote(s[:n])
			b = append(b, q[1:len(q)-1]...)
		}
		s = s[n:]
	}
	return string(slices.Clip(b))
}

// errorPrefix marks what a person should see. See "metric filter" in deploy.
const errorPrefix = "ERROR: "
