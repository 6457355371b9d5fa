package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// times are what differs from one run to the next.
var times = regexp.MustCompile(`\d+\.\d s\b`)

// TestREADMEShowsTheDemo runs it, as built, and holds README to what it prints.
func TestREADMEShowsTheDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole demo")
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-buildvcs=false", "-o", bin, "s3bundler/cmd/s3grouper", "s3bundler/cmd/s3bundler", "s3bundler/internal/demo")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _, err := cut(string(readme))
	if err != nil {
		t.Fatal(err)
	}
	demo := exec.Command(filepath.Join(bin, "demo"), "-bin", bin)
	demo.Dir = t.TempDir()
	var printed transcript
	var stderr bytes.Buffer
	demo.Stdout, demo.Stderr = &printed.text, &stderr
	if err := demo.Run(); err != nil {
		t.Fatalf("demo: %v\n%s\n%s", err, printed.text.Bytes(), stderr.Bytes())
	}
	for line := range strings.Lines(printed.text.String()) {
		if n := utf8.RuneCountInString(line) - 1; n > width {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	a, b := times.ReplaceAllString(shown, "0.0 s"), times.ReplaceAllString(printed.section(), "0.0 s")
	if a != b {
		t.Errorf("README shows\n%s\nand the demo prints\n%s\nrun: make demo DEMOFLAGS='-readme README.md'", a, b)
	}
}

func TestWrapped(t *testing.T) {
	for _, c := range []struct {
		print func(*transcript)
		want  string
	}{
		{func(t *transcript) { t.result("a  short   line") }, "   a  short   line\n"},
		{func(t *transcript) { t.result(strings.Repeat("1234567 ", 10)) }, "   1234567 1234567 1234567 1234567 1234567 1234567 1234567 1234567 1234567\n     1234567\n"},
		{func(t *transcript) { t.step(12, strings.Repeat("1234567 ", 10)) }, "\n12. 1234567 1234567 1234567 1234567 1234567 1234567 1234567 1234567 1234567\n    1234567\n"},
		{func(t *transcript) { t.command("c", "-a", "it's", strings.Repeat("x", 72), "-f", "-b", "*") },
			"   $ c -a 'it'\\''s' \\\n     " + strings.Repeat("x", 72) + " \\\n     -f -b '*'\n"},
	} {
		var out bytes.Buffer
		c.print(&transcript{w: &out})
		if out.String() != c.want {
			t.Errorf("printed\n%s, not\n%s", out.String(), c.want)
		}
	}
}
