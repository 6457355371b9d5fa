package retrieve

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"
)

const (
	// maxElement is the longest name of a file or folder, in bytes, on every
	// file system in common use.
	maxElement = 255
	// kept is how much of a longer one an escaped name keeps.
	kept = 180
	// emptyElement and hashMark stand in escaped names only: a percent sign of
	// a key is escaped itself.
	emptyElement = "%_"
	hashMark     = "%~"
)

// naming turns keys into paths below a folder.
type naming struct {
	// escape maps keys that cannot be paths, one to one, instead of refusing
	// them.
	escape bool
	// windows has the names that Windows cannot take refused, too.
	windows bool
}

func newNaming(escape bool) naming { return naming{escape: escape, windows: runtime.GOOS == "windows"} }

// path gives the slash-separated path of a key, or why there is none. It never
// leaves the folder: no element is "", "." or "..".
func (n naming) path(key string) (string, error) {
	elements := strings.Split(key, "/")
	for i, e := range elements {
		if n.escape {
			elements[i] = n.escaped(e)
			continue
		}
		if why := n.problem(e); why != "" {
			if e == "" && i == 0 {
				why = "it begins with a slash"
			}
			return "", fmt.Errorf("%s", why)
		}
	}
	return strings.Join(elements, "/"), nil
}

// problem says why an element cannot be a name; empty if it can.
func (n naming) problem(e string) string {
	switch {
	case e == "":
		return "it has an empty element between slashes"
	case e == ".." || e == ".":
		return fmt.Sprintf("it has the element %q, which leads elsewhere", e)
	case len(e) > maxElement:
		return fmt.Sprintf("an element has %d bytes, more than the %d of a file name", len(e), maxElement)
	case isTemporary(e):
		return fmt.Sprintf("files that are not complete have names like %q", e)
	case strings.ContainsFunc(e, isControl):
		return "it has a control character"
	case n.windows && strings.ContainsAny(e, `<>:"\|?*`):
		return "it has a character that Windows reserves"
	case n.windows && (strings.HasSuffix(e, ".") || strings.HasSuffix(e, " ") || isDevice(e)):
		return fmt.Sprintf("Windows reserves the name %q", e)
	}
	return ""
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7F }

// isDevice reports whether Windows takes a name, with any ending, for a device.
func isDevice(e string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(e), ".")
	stem = strings.TrimRight(stem, " ")
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	port := strings.TrimPrefix(strings.TrimPrefix(stem, "COM"), "LPT")
	return len(stem) > 3 && port != stem && strings.Contains("0123456789¹²³", port) && utf8.RuneCountInString(port) == 1
}

// escaped writes bytes that no name may have as %XX, and shortens what is too
// long to its beginning and a hash.
func (n naming) escaped(e string) string {
	if e == "" {
		return emptyElement
	}
	reserved := ""
	if n.windows {
		reserved = `<>:"\|?*`
	}
	all := e == "." || e == ".."
	var b strings.Builder
	for i := 0; i < len(e); i++ {
		c := e[i]
		first := i == 0 && (isTemporary(e) || n.windows && isDevice(e))
		last := i == len(e)-1 && n.windows && (c == '.' || c == ' ')
		if all || first || last || c == '%' || isControl(rune(c)) || strings.IndexByte(reserved, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	if b.Len() <= maxElement {
		return b.String()
	}
	return beginning(b.String(), kept) + hashMark + shortHash(e)
}

// apart is another name for the element e, whose path p is taken by something
// else: a folder where a file must go, or a name that differs in case alone.
func apart(e, p string) string {
	return beginning(e, maxElement-len(hashMark)-hashLength) + hashMark + shortHash(p)
}

// beginning is at most n bytes of s, cut between characters and escapes.
func beginning(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	s = s[:n]
	if i := strings.LastIndexByte(s, '%'); i >= 0 && i > len(s)-3 {
		s = s[:i]
	}
	return s
}

const hashLength = 16

// shortHash is so long that no two keys of a bucket have the same by chance.
func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:hashLength/2])
}
