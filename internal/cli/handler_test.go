package cli

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestHandlerLines(t *testing.T) {
	uri := "s3://b/a key\nERROR: forged"
	tests := []struct {
		name  string
		level slog.Level
		log   func(*slog.Logger)
		want  string
	}{
		{"start", LevelNotice, func(l *slog.Logger) { l.Log(t.Context(), LevelNotice, "begin processing s3://b/k") }, "begin processing s3://b/k\n"},
		{"a warning is shown by default", LevelNotice, func(l *slog.Logger) { l.Warn("slow") }, "slow\n"},
		{"info is not", LevelNotice, func(l *slog.Logger) { l.Info("detail") }, ""},
		{"info with -v", slog.LevelInfo, func(l *slog.Logger) { l.Info("detail") }, "detail\n"},
		{"debug not with -v", slog.LevelInfo, func(l *slog.Logger) { l.Debug("wire") }, ""},
		{"debug with -d", slog.LevelDebug, func(l *slog.Logger) { l.Debug("wire") }, "wire\n"},
		{"an error carries the alarm's word", LevelNotice, func(l *slog.Logger) { l.Error("skipped deleted s3://b/k") }, "ERROR: skipped deleted s3://b/k\n"},
		{"attributes", LevelNotice, func(l *slog.Logger) { l.Error("m", "n", 3, "s", "a b", "e", "") }, "ERROR: m n=3 s=\"a b\" e=\"\"\n"},
		{"err ends the line", LevelNotice, func(l *slog.Logger) { l.Error("m", "err", errors.New("x: y\nz"), "n", 1) }, "ERROR: m n=1: x: y\\nz\n"},
		{"with", LevelNotice, func(l *slog.Logger) { l.With("a", 1).WithGroup("g").With("b", 2).Warn("m", "c", 3) }, "m a=1 g.b=2 g.c=3\n"},
		{"group", LevelNotice, func(l *slog.Logger) { l.Warn("m", slog.Group("g", "a", 1, slog.Group("h", "b", 2))) }, "m g.a=1 g.h.b=2\n"},
		{"one record is one line", LevelNotice, func(l *slog.Logger) { l.Error("skipped "+uri, "key", uri) },
			"ERROR: skipped s3://b/a key\\nERROR: forged key=\"s3://b/a key\\nERROR: forged\"\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			tt.log(slog.New(NewHandler(&b, tt.level)))
			if got := b.String(); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestHandlerSharesNothing(t *testing.T) {
	var b bytes.Buffer
	l := slog.New(NewHandler(&b, LevelNotice))
	one, two := l.With("who", 1), l.With("who", 2)
	one.Warn("m")
	two.Warn("m")
	l.Warn("m")
	if got, want := b.String(), "m who=1\nm who=2\nm\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzOneLine(f *testing.F) {
	for _, s := range []string{"", "plain", "a\nb\r\n", "\x1b[2J", "\xff\xfe", "é 漢字 🙂", "\u2028", "\u202e", "�", `C:\n`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := OneLine(s)
		for _, r := range got {
			if r != ' ' && strings.ContainsRune("\n\r\x1b\u2028\u2029\u202e\u0085", r) || r < ' ' {
				t.Fatalf("OneLine(%q) = %q holds %q", s, got, r)
			}
		}
		if OneLine(got) != got {
			t.Fatalf("OneLine(%q) = %q is not stable", s, got)
		}
	})
}
