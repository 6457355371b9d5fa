package aws

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"s3bundler/internal/object"
)

// keptHeaders are those that S3 keeps with an object, in the order of
// Attributes.Headers.
var keptHeaders = [...]string{
	"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language",
	"Content-Type", "Expires", "X-Amz-Website-Redirect-Location",
}

// checksums are S3's algorithms, the headers with their values, and their
// lengths in bytes; the cheapest to check first.
var checksums = [...]struct {
	header, algorithm string
	size              int
}{
	{"X-Amz-Checksum-Crc64nvme", "CRC64NVME", 8},
	{"X-Amz-Checksum-Crc32c", "CRC32C", 4},
	{"X-Amz-Checksum-Crc32", "CRC32", 4},
	{"X-Amz-Checksum-Sha1", "SHA1", 20},
	{"X-Amz-Checksum-Sha256", "SHA256", 32},
}

// isSum reports whether v is a sum of so many bytes in base64. There are servers
// that give another under an algorithm's name; nothing can be held to it.
func isSum(v string, size int) bool {
	return len(v) == base64.StdEncoding.EncodedLen(size) && strings.IndexByte(v, '-') < 0
}

// first reads a header by its canonical name.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// attributes reads the head of an answer to GET or HEAD. length is the
// answer's Content-Length.
func attributes(h http.Header, length int64) object.Attributes {
	a := object.Attributes{
		Size:         length,
		ETag:         strings.Trim(first(h, "Etag"), `"`),
		VersionID:    first(h, "X-Amz-Version-Id"),
		StorageClass: first(h, "X-Amz-Storage-Class"),
		Restore:      first(h, "X-Amz-Restore"),
	}
	whole := true
	if v := first(h, "Content-Range"); v != "" {
		from, to, size, ok := contentRange(v)
		if ok {
			a.Size = size
		}
		whole = ok && from == 0 && to == size-1
	}
	if t, err := http.ParseTime(first(h, "Last-Modified")); err == nil {
		a.LastModified = t.UTC()
	}
	if v := first(h, "X-Amz-Tagging-Count"); v != "" {
		a.TagCount, _ = strconv.Atoi(v)
	}
	kept := make([]object.Pair, 0, 2)
	for _, name := range keptHeaders {
		if v := first(h, name); v != "" {
			kept = append(kept, object.Pair{Name: name, Value: v})
		}
	}
	a.Headers = kept
	if whole {
		a.Checksum = checksum(h)
	}
	switch first(h, "X-Amz-Server-Side-Encryption") {
	case "", "AES256":
	default:
		a.KeyEncrypted = true
	}
	if first(h, "X-Amz-Server-Side-Encryption-Customer-Algorithm") != "" {
		a.KeyEncrypted = true
	}
	switch a.StorageClass {
	case "GLACIER", "DEEP_ARCHIVE":
		a.Archived = !strings.Contains(a.Restore, `ongoing-request="false"`)
	}
	if first(h, "X-Amz-Archive-Status") != "" {
		a.Archived = true
	}
	a.Metadata = metadata(h)
	return a
}

// metadata collects the user metadata, sorted by name.
func metadata(h http.Header) []object.Pair {
	const prefix = "X-Amz-Meta-"
	var m []object.Pair
	for name, values := range h {
		// A name that HTTP does not allow is not made canonical.
		if len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			m = append(m, object.Pair{Name: strings.ToLower(name[len(prefix):]), Value: strings.Join(values, ",")})
		}
	}
	slices.SortFunc(m, func(a, b object.Pair) int { return strings.Compare(a.Name, b.Name) })
	return m
}

// checksum finds a checksum of the whole object. That of a multipart object
// may be made of its parts' checksums, and ends in their number: it says
// nothing to who has not the parts.
func checksum(h http.Header) object.Checksum {
	if first(h, "X-Amz-Checksum-Type") == "COMPOSITE" {
		return object.Checksum{}
	}
	for _, c := range checksums {
		if v := first(h, c.header); isSum(v, c.size) {
			return object.Checksum{Algorithm: c.algorithm, Value: v}
		}
	}
	return object.Checksum{}
}

// contentRange reads "bytes from-to/size".
func contentRange(v string) (from, to, size int64, ok bool) {
	v, ok = strings.CutPrefix(v, "bytes ")
	span, total, ok2 := strings.Cut(v, "/")
	a, b, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return 0, 0, 0, false
	}
	for _, n := range []struct {
		text string
		to   *int64
	}{{a, &from}, {b, &to}, {total, &size}} {
		x, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil || x < 0 {
			return 0, 0, 0, false
		}
		*n.to = x
	}
	return from, to, size, from <= to && to < size
}
