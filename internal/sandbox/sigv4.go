package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// signer signs for one request. See "Authenticating requests: using the
// Authorization header" in the S3 API Reference.
type signer struct {
	key         []byte
	time, scope string
	// previous is the signature that the next chunk's builds on.
	previous string
}

func newSigner(secret string, a authorization, time string) *signer {
	key := []byte("AWS4" + secret)
	for _, s := range []string{a.date, a.region, a.service, "aws4_request"} {
		key = hmacSHA256(key, s)
	}
	return &signer{key: key, time: time, scope: strings.Join([]string{a.date, a.region, a.service, "aws4_request"}, "/")}
}

// sign signs the lines that follow time and scope.
func (s *signer) sign(algorithm string, lines ...string) string {
	text := algorithm + "\n" + s.time + "\n" + s.scope + "\n" + strings.Join(lines, "\n")
	return hex.EncodeToString(hmacSHA256(s.key, text))
}

func hmacSHA256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSHA256(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// canonicalRequest is what the client signed.
func canonicalRequest(r *http.Request, signedHeaders []string, payload string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + escapeURI(r.URL.Path, true) + "\n" + canonicalQuery(r.URL.RawQuery) + "\n")
	for _, name := range signedHeaders {
		b.WriteString(name + ":" + canonicalHeader(r, name) + "\n")
	}
	b.WriteString("\n" + strings.Join(signedHeaders, ";") + "\n" + payload)
	return b.String()
}

func canonicalHeader(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	case "transfer-encoding":
		return strings.Join(r.TransferEncoding, ",")
	}
	values := r.Header.Values(name)
	canonical := make([]string, len(values))
	for i, v := range values {
		canonical[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(canonical, ",")
}

func canonicalQuery(raw string) string {
	var pairs []string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, escapeURI(unescapeQuery(name), false)+"="+escapeURI(unescapeQuery(value), false))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func unescapeQuery(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// escapeURI percent-encodes all but the unreserved characters, and slashes
// where they separate.
func escapeURI(s string, keepSlash bool) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '_', c == '.', c == '~', c == '/' && keepSlash:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte("0123456789ABCDEF"[c>>4])
			b.WriteByte("0123456789ABCDEF"[c&15])
		}
	}
	if s == "" && keepSlash {
		return "/"
	}
	return b.String()
}

// chunkVerifier checks the signatures in an aws-chunked body.
type chunkVerifier struct {
	signer *signer
	given  string
	hash   hash.Hash
}

func (s *signer) chunks() *chunkVerifier { return &chunkVerifier{signer: s, hash: sha256.New()} }

func (v *chunkVerifier) begin(signature string) {
	v.given = signature
	v.hash.Reset()
}

func (v *chunkVerifier) data(p []byte) { v.hash.Write(p) }

func (v *chunkVerifier) end() error {
	want := v.signer.sign("AWS4-HMAC-SHA256-PAYLOAD", v.signer.previous, hexSHA256(""), hex.EncodeToString(v.hash.Sum(nil)))
	v.signer.previous = want
	if want != v.given {
		return errChunkSignature()
	}
	return nil
}

// trailer checks the trailer, given as lines of name:value.
func (v *chunkVerifier) trailer(lines, given string) error {
	if v.signer.sign("AWS4-HMAC-SHA256-TRAILER", v.signer.previous, hexSHA256(lines)) != given {
		return errChunkSignature()
	}
	return nil
}

func errChunkSignature() *apiError {
	return fail("SignatureDoesNotMatch", "The signature of a chunk does not match what was computed.")
}
