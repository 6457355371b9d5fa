package object

import (
	"strings"
	"unicode/utf8"
)

// Pattern is a key, or a glob that keys are held against: '*' stands for any
// run of characters, slashes included, '?' for any one. In a glob a backslash
// takes the next character for itself; what has neither '*' nor '?' outside a
// backslash's reach is a key, its backslashes included.
type Pattern struct {
	text   string
	tokens []token // nil for a key
}

// token is one element of a glob.
type token struct {
	kind tokenKind
	char byte
}

type tokenKind byte

const (
	literal tokenKind = iota
	anyChar
	anyRun
)

// LiteralPattern is the pattern of one key, whatever characters it has.
func LiteralPattern(key string) Pattern { return Pattern{text: key} }

// ParsePattern reads a pattern. Every string is one.
func ParsePattern(s string) Pattern {
	p := Pattern{text: s, tokens: make([]token, 0, len(s))}
	glob := false
	for i := 0; i < len(s); i++ {
		t := token{literal, s[i]}
		switch s[i] {
		case '*':
			t.kind, glob = anyRun, true
		case '?':
			t.kind, glob = anyChar, true
		case '\\':
			if i+1 < len(s) {
				i++
				t.char = s[i]
			}
		}
		p.tokens = append(p.tokens, t)
	}
	if !glob {
		p.tokens = nil
	}
	return p
}

// String is the text the pattern was read from.
func (p Pattern) String() string { return p.text }

// Key returns the one key that the pattern stands for, if it is no glob.
func (p Pattern) Key() (key string, ok bool) { return p.text, p.tokens == nil }

// Prefix is what every matching key begins with.
func (p Pattern) Prefix() string {
	if p.tokens == nil {
		return p.text
	}
	return p.Literals()[0]
}

// Literals are the runs of characters that a glob's keys hold, in their order;
// the first is where they begin, and may be empty. A key is its own only one.
func (p Pattern) Literals() []string {
	if p.tokens == nil {
		return []string{p.text}
	}
	runs := []string{""}
	for _, t := range p.tokens {
		switch last := &runs[len(runs)-1]; {
		case t.kind == literal:
			*last += string([]byte{t.char})
		case *last != "" || len(runs) == 1:
			runs = append(runs, "")
		}
	}
	return runs
}

// Match reports whether key is the pattern's, or one of them.
func (p Pattern) Match(key string) bool {
	if p.tokens == nil {
		return key == p.text
	}
	if !strings.HasPrefix(key, p.tokensPrefix()) {
		return false
	}
	// The last '*' seen takes one character more whenever what follows fails.
	at, run, taken := 0, -1, 0
	for i := 0; i < len(key); {
		if at < len(p.tokens) {
			switch t := p.tokens[at]; {
			case t.kind == anyRun:
				run, taken = at, i
				at++
				continue
			case t.kind == anyChar:
				_, n := utf8.DecodeRuneInString(key[i:])
				i += n
				at++
				continue
			case t.char == key[i]:
				i++
				at++
				continue
			}
		}
		if run < 0 {
			return false
		}
		taken++
		i, at = taken, run+1
	}
	for ; at < len(p.tokens); at++ {
		if p.tokens[at].kind != anyRun {
			return false
		}
	}
	return true
}

// tokensPrefix is the beginning of text that stands for itself: a part of
// Prefix that costs nothing to find.
func (p Pattern) tokensPrefix() string {
	if i := strings.IndexAny(p.text, `*?\`); i >= 0 {
		return p.text[:i]
	}
	return p.text
}
