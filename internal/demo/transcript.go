package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// width is how many columns the output takes.
const width = 80

// transcript prints what happens, and remembers it.
type transcript struct {
	w    io.Writer
	text bytes.Buffer
}

// print prints a line as it is.
func (t *transcript) print(line string) { fmt.Fprintln(io.MultiWriter(t.w, &t.text), line) }

// step prints what is done next.
func (t *transcript) step(n int, what string) {
	number := fmt.Sprintf("%d. ", n)
	t.print("")
	t.wrapped(number, strings.Fields(what), strings.Repeat(" ", len(number)), "")
}

// result prints a line of what came of a step.
func (t *transcript) result(line string) {
	if utf8.RuneCountInString(line)+3 <= width {
		t.print(strings.TrimRight("   "+line, " "))
		return
	}
	t.wrapped("   ", strings.Fields(line), "     ", "")
}

// command prints a command line as a shell takes it. A flag is not parted from
// what follows it.
func (t *transcript) command(name string, args ...string) {
	words := []string{name}
	for i, a := range args {
		if strings.ContainsAny(a, "*?'\" \\") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		if i > 0 && strings.HasPrefix(args[i-1], "-") && !strings.HasPrefix(a, "-") {
			words[len(words)-1] += " " + a
		} else {
			words = append(words, a)
		}
	}
	t.wrapped("   $ ", words, "     ", ` \`)
}

// wrapped prints words on as many lines as they need, the first after indent,
// the others after hang, all but the last followed by end.
func (t *transcript) wrapped(indent string, words []string, hang, end string) {
	line := indent
	for i, word := range words {
		room := width
		if i < len(words)-1 {
			room -= len(end)
		}
		if i > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > room {
			t.print(line + end)
			line = hang
		} else if i > 0 {
			line += " "
		}
		line += word
	}
	t.print(line)
}

// The marks between which the README shows the output.
const (
	beginMark = "<!-- demo output begin -->\n"
	endMark   = "<!-- demo output end -->\n"
)

// putInto puts the output between the marks of a file.
func (t *transcript) putInto(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, _, after, err := cut(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(before+t.section()+after), 0o644)
}

// cut takes the text apart at the marks, which stay with what is around them.
func cut(text string) (before, section, after string, err error) {
	before, rest, ok := strings.Cut(text, beginMark)
	section, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return "", "", "", fmt.Errorf("there is no section between %q and %q", beginMark, endMark)
	}
	return before + beginMark, section, endMark + after, nil
}

// section is the output as Markdown.
func (t *transcript) section() string {
	return "```\n" + strings.TrimLeft(t.text.String(), "\n") + "```\n"
}
