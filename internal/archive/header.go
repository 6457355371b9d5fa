package archive

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	tarBlock = 512
	// maxOctal is the largest size an eleven-digit octal field holds.
	maxOctal = 1<<33 - 1
)

var zeros [2 * tarBlock]byte

// Padding is the number of bytes that fill size up to a whole tar block.
func Padding(size int64) int { return int(-size & (tarBlock - 1)) }

// MemberName is the name of an object inside an archive. A NUL, which would
// end the name in a tar header, becomes %00.
func MemberName(bucket, key string) string {
	return bucket + "/" + strings.ReplaceAll(key, "\x00", "%00")
}

// The types that members have, as typeflags of a tar header.
const (
	Regular = '0'
	Dumpdir = 'D' // GNU's directory with content
)

// Typeflag is the type of the member called name. It is a regular file,
// unless its name ends in a slash and it has content: libarchive takes such a
// file for a directory and its content for headers, so that members are lost.
// There is one type that libarchive, GNU tar and Python's tarfile all list,
// under that name, and know to have content.
func Typeflag(name string, size int64) byte {
	if size > 0 && strings.HasSuffix(name, "/") {
		return Dumpdir
	}
	return Regular
}

// AppendHeader appends the tar header of a member: mode 0644, uid and gid 0.
// It is a POSIX ustar header; a pax extended header (POSIX.1-2001, pax
// Interchange Format) precedes it where name, size or mtime do not fit. The name
// holds no NUL; mtime counts in whole seconds.
func AppendHeader(dst []byte, name string, size int64, mtime time.Time) []byte {
	prefix, suffix, fits := splitName(name)
	sec := mtime.Unix()
	var records []byte
	if !fits {
		if !utf8.ValidString(name) {
			records = appendRecord(records, "hdrcharset", "BINARY")
		}
		records = appendRecord(records, "path", name)
		if strings.HasSuffix(name, "/") {
			// Python strips the slash from a path. It leaves this, which GNU
			// tar and libarchive put above a path too.
			records = appendRecord(records, "GNU.sparse.name", name)
		}
		prefix, suffix = "", asciiTail(name)
	}
	if size > maxOctal {
		records = appendRecord(records, "size", strconv.FormatInt(size, 10))
	}
	if sec < 0 || sec > maxOctal {
		records = appendRecord(records, "mtime", strconv.FormatInt(sec, 10))
		sec = 0
	}
	if len(records) > 0 {
		dst = appendUstar(dst, 'x', "PaxHeaders/", asciiTail(name), int64(len(records)), 0)
		dst = append(dst, records...)
		dst = append(dst, zeros[:Padding(int64(len(records)))]...)
	}
	return appendUstar(dst, Typeflag(name, size), prefix, suffix, min(size, maxOctal), sec)
}

// appendUstar appends one 512-byte header. A prefix that ends in a slash is
// written in front of the name, another one into the prefix field.
func appendUstar(dst []byte, typeflag byte, prefix, name string, size, mtime int64) []byte {
	start := len(dst)
	dst = append(dst, zeros[:tarBlock]...)
	h := dst[start:]
	if n := len(prefix); n > 0 && prefix[n-1] == '/' {
		name, prefix = prefix+name, ""
	}
	copy(h[0:100], name)
	copy(h[100:108], "0000644\x00")
	copy(h[108:116], "0000000\x00")
	copy(h[116:124], "0000000\x00")
	putOctal(h[124:136], size)
	putOctal(h[136:148], mtime)
	copy(h[148:156], "        ")
	h[156] = typeflag
	copy(h[257:265], "ustar\x0000")
	copy(h[329:337], "0000000\x00")
	copy(h[337:345], "0000000\x00")
	copy(h[345:500], prefix)
	sum := int64(0)
	for _, c := range h {
		sum += int64(c)
	}
	putOctal(h[148:155], sum)
	return dst
}

// putOctal fills field with v in octal, zero-padded and NUL-terminated.
func putOctal(field []byte, v int64) {
	field[len(field)-1] = 0
	for i := len(field) - 2; i >= 0; i-- {
		field[i] = byte('0' + v&7)
		v >>= 3
	}
}

// splitName divides name at a slash into ustar's prefix (155 bytes) and name
// (100 bytes). Other UTF-8 than ASCII does not fit: what its bytes mean in a
// ustar header is left open by the standard, while pax says UTF-8. For the same
// reason bytes that are no UTF-8 do.
func splitName(name string) (prefix, suffix string, ok bool) {
	if !isASCII(name) && utf8.ValidString(name) {
		return "", "", false
	}
	if len(name) <= 100 {
		return "", name, true
	}
	// The shortest prefix that leaves at most 100 bytes; a name may not be
	// empty, nor may a prefix end in a slash, for readers trim it.
	for i := len(name) - 101; i > 0 && i <= 155 && i < len(name)-1; i++ {
		if name[i] == '/' && name[i-1] != '/' {
			return name[:i], name[i+1:], true
		}
	}
	return "", "", false
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// asciiTail is what a reader without pax sees: the end of name that fits.
func asciiTail(name string) string {
	const fits = 100 - len("PaxHeaders/") - 1
	b := []byte(name[max(0, len(name)-fits):])
	for i, c := range b {
		if c >= 0x80 || c < 0x20 {
			b[i] = '_'
		}
	}
	// A leading slash makes some readers complain, a trailing one makes them
	// see a directory.
	for len(b) > 0 && b[len(b)-1] == '/' {
		b[len(b)-1] = '_'
	}
	for i := 0; i < len(b) && b[i] == '/'; i++ {
		b[i] = '_'
	}
	return string(b)
}

// appendRecord appends one pax record, "length key=value\n", whose length
// counts its own digits.
func appendRecord(dst []byte, key, value string) []byte {
	n := len(key) + len(value) + 3 // space, equals sign, newline
	n += len(strconv.Itoa(n))
	// Adding the digits may add a digit: 9 becomes 11.
	for len(strconv.Itoa(n))+len(key)+len(value)+3 > n {
		n++
	}
	dst = strconv.AppendInt(dst, int64(n), 10)
	dst = append(dst, ' ')
	dst = append(dst, key...)
	dst = append(dst, '=')
	dst = append(dst, value...)
	return append(dst, '\n')
}
