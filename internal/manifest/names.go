package manifest

import (
	"strconv"
	"strings"
)

// Name is what archives and indexes of the manifest at key are named after:
// its base name without its last extension, or with it if the key ends in a
// digit ("x-manifest.0.index" and "x-manifest.0" both give "x-manifest.0").
// Dots at the start of the base name begin no extension.
func Name(key string) string {
	base := key[strings.LastIndexByte(key, '/')+1:]
	if base == "" || isDigit(base[len(base)-1]) {
		return base
	}
	dot := strings.LastIndexByte(base, '.')
	if dot < 0 || strings.Trim(base[:dot], ".") == "" {
		return base
	}
	return base[:dot]
}

// Output names the manifests that one run of the grouper writes.
type Output struct {
	// Prefix is where they go; slashes at both ends do not count.
	Prefix string
	// Report is the key of the inventory's manifest.json.
	Report string
	// Suffix ends the name, before the number.
	Suffix string
	// Glacier marks the manifests of objects in cold storage classes.
	Glacier bool
}

// Key is the key of manifest number n, from 0: PREFIX/<path>-SUFFIX.<n>.index
// where <path> is the report's key without its last element and with '-' for
// '/', and .<n>.glacier.index for cold objects.
func (o Output) Key(n int) string { return o.Stem() + strconv.Itoa(n) + o.ending() }

// Stem is what every Key begins with, up to the number.
func (o Output) Stem() string {
	dir := o.Report[:strings.LastIndexByte(o.Report, '/')+1]
	if trimmed := strings.TrimRight(dir, "/"); trimmed != "" {
		dir = trimmed
	}
	stem := strings.ReplaceAll(dir, "/", "-") + "-" + o.Suffix + "."
	if prefix := strings.Trim(o.Prefix, "/"); prefix != "" {
		stem = prefix + "/" + stem
	}
	return stem
}

func (o Output) ending() string {
	if o.Glacier {
		return ".glacier.index"
	}
	return ".index"
}

// Number is the n that key is the Key of, if it is one.
func (o Output) Number(key string) (n int, ok bool) {
	digits, ok := strings.CutPrefix(key, o.Stem())
	if ok {
		digits, ok = strings.CutSuffix(digits, o.ending())
	}
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == digits
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
