package aws

import (
	"crypto/sha256"
	"slices"
	"strings"
)

// unsignedPayload stands for the hash of a body that is not signed: its
// checksum, which is a signed header, covers it.
const unsignedPayload = "UNSIGNED-PAYLOAD"

// field is a header of a request; its name is in lower case.
type field struct{ name, value string }

// sortFields brings fields into the order in which they are signed. It reports
// whether they can be sent and signed as they are: names are tokens and come
// once, values have no control characters, and no spaces that a signature would
// leave out.
func sortFields(fields []field) bool {
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	for i, f := range fields {
		if i > 0 && fields[i-1].name == f.name || f.name == "" || strings.Trim(f.name, tokenChars) != "" {
			return false
		}
		if !headerValue(f.value) || strings.TrimSpace(f.value) != f.value || strings.Contains(f.value, "  ") {
			return false
		}
	}
	return true
}

// tokenChars are those of a header's name in lower case (RFC 9110, section
// 5.6.2).
const tokenChars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"

// appendPutAuthorization appends the Authorization header's value for the PUT
// of an unsigned body. fields are all the headers that are signed, from
// sortFields; path and query are escaped, and path may be part of dst.
func (k *signingKey) appendPutAuthorization(dst, path []byte, query string, fields []field, date string) []byte {
	p := k.pens.Get().(*pen)
	b := append(p.buf[:0], "PUT\n"...)
	b = append(append(b, path...), '\n')
	b = append(append(b, query...), '\n')
	for _, f := range fields {
		b = append(append(append(append(b, f.name...), ':'), f.value...), '\n')
	}
	b = append(b, '\n')
	begin := len(b)
	for i, f := range fields {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, f.name...)
	}
	p.names = append(p.names[:0], b[begin:]...)
	b = append(b, "\n"+unsignedPayload...)
	p.sum = sha256.Sum256(b)
	return finish(k, dst, p, b, date, p.names)
}
