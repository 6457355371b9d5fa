package object_test

import (
	"path"
	"slices"
	"strings"
	"testing"
	"unicode"

	"s3bundler/internal/object"
)

func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		pattern  string
		yes, no  string // keys, separated by spaces; "∅" is the empty one
		literals []string
	}{
		{"a/b", "a/b", "a/b/ a a/bb", []string{"a/b"}},
		{`a\b`, `a\b`, "ab", []string{`a\b`}},
		{"*", "∅ a a/b/c", "", []string{"", ""}},
		{"logs/*.gz", "logs/.gz logs/a.gz logs/2026/a.gz logs/.gz.gz", "logs/a.gzip Logs/a.gz a/logs/a.gz", []string{"logs/", ".gz"}},
		{"*??", "ab éa 铡é", "a 铡", []string{"", ""}},
		{"*é?*", "é铡 xéyz", "é xé", []string{"", "é", ""}},
		{"?", "a é /", "∅ ab", []string{"", ""}},
		{"a?c", "abc a/c aéc", "ac abbc", []string{"a", "c"}},
		{"*?", "a ab", "∅", []string{"", ""}},
		{"*ab*ab*", "abab xabyabz ababab", "ab aab abxa", []string{"", "ab", "ab", ""}},
		{`what\?*`, "what? what?x", "whatx what", []string{"what?", ""}},
		{`\*\?*`, "*?x", "xyx", []string{"*?", ""}},
		{`*\`, `\ a\`, "a", []string{"", `\`}},
	} {
		p := object.ParsePattern(tt.pattern)
		for want, keys := range map[bool]string{true: tt.yes, false: tt.no} {
			for _, key := range strings.Fields(keys) {
				key = strings.Trim(key, "∅")
				if p.Match(key) != want {
					t.Errorf("%q matches %q: %v", tt.pattern, key, !want)
				}
			}
		}
		if got := p.Literals(); !slices.Equal(got, tt.literals) {
			t.Errorf("literals of %q: %q, want %q", tt.pattern, got, tt.literals)
		}
		if got := p.Prefix(); got != tt.literals[0] {
			t.Errorf("prefix of %q: %q", tt.pattern, got)
		}
	}
	if p := object.LiteralPattern("a*"); !p.Match("a*") || p.Match("ab") {
		t.Error("a literal pattern is taken for a glob")
	}
}

// FuzzPattern compares with path.Match, to which a slash is made ordinary.
func FuzzPattern(f *testing.F) {
	f.Add("a*b?c", "axxbéc")
	f.Add("**?*a", "aaaa")
	f.Add(`\*\\?`, `*\x`)
	f.Fuzz(func(t *testing.T, pattern, key string) {
		// path.Match lets '*' take half a character.
		half := strings.Contains(pattern, "?") && strings.ContainsFunc(key, func(r rune) bool { return r > unicode.MaxASCII })
		if half || strings.ContainsAny(pattern+key, "[/") || strings.HasSuffix(pattern, `\`) || strings.ToValidUTF8(key, "") != key || strings.ToValidUTF8(pattern, "") != pattern {
			return
		}
		p := object.ParsePattern(pattern)
		want := pattern == key
		if _, ok := p.Key(); !ok {
			var err error
			if want, err = path.Match(pattern, key); err != nil {
				return
			}
		}
		if got := p.Match(key); got != want {
			t.Errorf("%q matches %q: %v, want %v", pattern, key, got, want)
		}
		if want {
			rest := key
			for _, run := range p.Literals() {
				at := strings.Index(rest, run)
				if at < 0 {
					t.Fatalf("%q matches %q, which lacks %q", pattern, key, run)
				}
				rest = rest[at+len(run):]
			}
			if !strings.HasPrefix(key, p.Prefix()) {
				t.Errorf("%q matches %q, which does not begin with %q", pattern, key, p.Prefix())
			}
		}
	})
}
