package retrieve

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNaming(t *testing.T) {
	long := strings.Repeat("é", 200)
	for _, tt := range []struct {
		key     string
		refused string // part of why; empty if the key is the path
		escaped string
	}{
		{"a", "", "a"},
		{"a/b.txt", "", "a/b.txt"},
		{"grüße/日本 🗃", "", "grüße/日本 🗃"},
		{"100%", "", "100%25"},
		{"...", "", "..."},
		{".hidden/..x/~", "", ".hidden/..x/~"},
		{"CON", "", "CON"},
		{`a\b`, "", `a\b`},
		{"", "slash", "%_"},
		{"/a", "begins with a slash", "%_/a"},
		{"a//b", "empty element", "a/%_/b"},
		{"a/", "empty element", "a/%_"},
		{"../a", `".."`, "%2E%2E/a"},
		{"a/../../b", `".."`, "a/%2E%2E/%2E%2E/b"},
		{"a/./b", `"."`, "a/%2E/b"},
		{"a\x00b\n", "control character", "a%00b%0A"},
		{"a/" + long, "400 bytes", "a/" + strings.Repeat("é", 90) + "%~df20b2aa6262e99e"},
	} {
		got, err := naming{}.path(tt.key)
		switch {
		case tt.refused == "" && (err != nil || got != tt.key):
			t.Errorf("%q: %q, %v", tt.key, got, err)
		case tt.refused != "" && (err == nil || !strings.Contains(err.Error(), tt.refused)):
			t.Errorf("%q: %q, %v; want %q", tt.key, got, err, tt.refused)
		}
		if got, err := (naming{escape: true}).path(tt.key); err != nil || got != tt.escaped {
			t.Errorf("%q escaped: %q, %v; want %q", tt.key, got, err, tt.escaped)
		}
	}
}

func TestNamingForWindows(t *testing.T) {
	for key, escaped := range map[string]string{
		"CON": "%43ON", "nul.txt": "%6Eul.txt", "com1": "%63om1", "LPT¹.x": "%4CPT¹.x", "COM10": "", "CONS": "", "COM": "",
		`a\b`: "a%5Cb", "a:b": "a%3Ab", "what?": "what%3F", "x.": "x%2E", "x ": "x%20", "a.b": "",
	} {
		_, err := naming{windows: true}.path(key)
		if (err != nil) != (escaped != "") {
			t.Errorf("%q: %v", key, err)
		}
		want := escaped
		if want == "" {
			want = key
		}
		if got, _ := (naming{windows: true, escape: true}).path(key); got != want {
			t.Errorf("%q escaped: %q, want %q", key, got, want)
		}
	}
}

// FuzzNaming holds both ways of naming to their promises: no path leaves the
// folder, and no two keys get the same.
func FuzzNaming(f *testing.F) {
	for _, key := range []string{"a/b", "/a", "../x", "a//b", "%2E", "\x00", strings.Repeat("x", 300), "CON", strings.Repeat("%", 100)} {
		f.Add(key, key+"/", true)
	}
	f.Fuzz(func(t *testing.T, one, other string, windows bool) {
		if !utf8.ValidString(one) || !utf8.ValidString(other) {
			return // no S3 keys
		}
		for _, escape := range []bool{false, true} {
			n := naming{escape: escape, windows: windows}
			a, err := n.path(one)
			if escape && err != nil {
				t.Fatalf("%q cannot be escaped: %v", one, err)
			}
			if err != nil {
				continue
			}
			if !filepath.IsLocal(a) || filepath.Clean(a) != a {
				t.Errorf("%q becomes %q, which is not inside", one, a)
			}
			for e := range strings.SplitSeq(a, "/") {
				if len(e) > maxElement || n.windows && isDevice(e) || !utf8.ValidString(e) {
					t.Errorf("%q becomes %q, where %q is no name", one, a, e)
				}
			}
			if b, err := n.path(other); err == nil && a == b && one != other {
				t.Errorf("%q and %q both become %q", one, other, a)
			}
		}
	})
}

func TestApart(t *testing.T) {
	for _, name := range []string{"a", strings.Repeat("é", 127) + "x", strings.Repeat("%25", 85)} {
		got := apart(name, "dir/"+name)
		if len(got) > maxElement || !utf8.ValidString(got) || got == apart(name, "other/"+name) || !strings.Contains(got, hashMark) {
			t.Errorf("%q: %q", name, got)
		}
	}
}
