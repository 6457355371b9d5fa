package sandbox

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// contentHeaders are those that S3 keeps with an object and gives back.
func contentHeaders() []string {
	return []string{"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type",
		"Expires", "X-Amz-Website-Redirect-Location"}
}

// attributes are what a request says about an object it makes.
type attributes struct {
	headers, metadata, tags []field
	class, encryption       string
}

// attributes reads the request's headers.
func (q *request) attributes() (attributes, error) {
	h := q.r.Header
	a := attributes{headers: keptHeaders(h), class: h.Get("X-Amz-Storage-Class"),
		encryption: h.Get("X-Amz-Server-Side-Encryption")}
	size := 0
	for name, values := range h {
		name, ok := strings.CutPrefix(name, "X-Amz-Meta-")
		if !ok {
			continue
		}
		value := strings.Join(values, ",")
		if decoded, err := new(mime.WordDecoder).DecodeHeader(value); err == nil {
			value = decoded
		}
		a.metadata = append(a.metadata, field{strings.ToLower(name), value})
		size += len(name) + len(value)
	}
	sortFields(a.metadata)
	if size > 2048 {
		return a, fail("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
	}
	switch a.class {
	case "STANDARD":
		a.class = ""
	case "", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR":
	default:
		return a, fail("InvalidStorageClass", "The storage class you specified is not valid", field{"StorageClassRequested", a.class})
	}
	if a.encryption == "AES256" {
		a.encryption = ""
	}
	var err error
	a.tags, err = parseTagging(h.Get("X-Amz-Tagging"))
	return a, err
}

// keptHeaders picks what S3 keeps. The encoding aws-chunked is of the request
// alone.
func keptHeaders(h http.Header) []field {
	var kept []field
	for _, name := range contentHeaders() {
		value := h.Get(name)
		if name == "Content-Encoding" {
			var encodings []string
			for e := range strings.SplitSeq(value, ",") {
				if e = strings.TrimSpace(e); e != "aws-chunked" && e != "" {
					encodings = append(encodings, e)
				}
			}
			value = strings.Join(encodings, ",")
		}
		if value == "" && name == "Content-Type" {
			value = "binary/octet-stream"
		}
		if value != "" {
			kept = append(kept, field{name, value})
		}
	}
	return kept
}

func sortFields(f []field) {
	slices.SortFunc(f, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
}

// parseTagging reads an x-amz-tagging header: a query string.
func parseTagging(header string) ([]field, error) {
	values, err := url.ParseQuery(header)
	if err != nil {
		return nil, errArgument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters"+
			" without tag name duplicates.", "x-amz-tagging", header)
	}
	var tags []field
	for name, v := range values {
		if len(v) > 1 {
			return nil, errArgument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters"+
				" without tag name duplicates.", "x-amz-tagging", header)
		}
		tags = append(tags, field{name, v[0]})
	}
	sortFields(tags)
	return tags, checkTags(tags)
}

// checkTags refuses what S3 refuses. See "Categorizing your storage using
// tags" in the S3 User Guide.
func checkTags(tags []field) error {
	if len(tags) > 10 {
		return fail("BadRequest", "Object tags cannot be greater than 10")
	}
	for i, t := range tags {
		switch {
		case t.Name == "" || len([]rune(t.Name)) > 128:
			return fail("InvalidTag", "The TagKey you have provided is invalid", field{"TagKey", t.Name})
		case len([]rune(t.Value)) > 256:
			return fail("InvalidTag", "The TagValue you have provided is invalid", field{"TagKey", t.Name}, field{"TagValue", t.Value})
		case i > 0 && tags[i-1].Name == t.Name:
			return fail("InvalidTag", "Cannot provide multiple Tags with the same key", field{"TagKey", t.Name})
		}
	}
	return nil
}

// headerValue writes a header's value as S3 does: outside ASCII as RFC 2047
// has it.
func headerValue(v string) string { return mime.BEncoding.Encode("UTF-8", v) }

func httpTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// putETag is the ETag of a body stored in one request: its MD5, unless a KMS
// key encrypts it.
func putETag(got received, encryption string) string {
	if strings.HasPrefix(encryption, "aws:kms") {
		return hexWord(mix(fnv(got.etag()))) + hexWord(mix(fnv(got.etag(), encryption)))
	}
	return got.etag()
}
