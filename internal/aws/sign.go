package aws

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
)

// emptyHash is the SHA-256 of a request without a body.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// dateFormat is that of X-Amz-Date; its first 8 bytes are the day of the scope.
const dateFormat = "20060102T150405Z"

// signingKey signs GETs with Signature Version 4 for one day, region and pair
// of keys. The SDK's signer does the same for any request, at several times the
// cost. See "Create a signed AWS API request" in the IAM User Guide.
type signingKey struct {
	credentials awssdk.Credentials
	day         string
	// scope is day/region/service/aws4_request.
	scope string
	// pens holds *pen: a keyed HMAC with its buffers.
	pens sync.Pool
}

// pen is what one signature needs; it is used by one request at a time.
type pen struct {
	mac hash.Hash
	buf []byte
	sum [sha256.Size]byte
	// names are those of a PUT's signed headers.
	names []byte
}

func newSigningKey(c awssdk.Credentials, day, region, service string) *signingKey {
	key := []byte("AWS4" + c.SecretAccessKey)
	for _, step := range []string{day, region, service, "aws4_request"} {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(step))
		key = m.Sum(nil)
	}
	return &signingKey{
		credentials: c,
		day:         day,
		scope:       day + "/" + region + "/" + service + "/aws4_request",
		pens:        sync.Pool{New: func() any { return &pen{mac: hmac.New(sha256.New, key)} }},
	}
}

// fits reports whether the key is the one for c on day.
func (k *signingKey) fits(c *awssdk.Credentials, day string) bool {
	return k != nil && k.day == day && k.credentials.AccessKeyID == c.AccessKeyID &&
		k.credentials.SecretAccessKey == c.SecretAccessKey && k.credentials.SessionToken == c.SessionToken
}

// signed is what a signature of a GET covers. Range and If-Match need none.
type signed struct {
	path  []byte // escaped
	query string // in canonical form
	host  string
	date  string
	token string // session token, or empty
	payer bool
}

// appendAuthorization appends the Authorization header's value for the GET that
// s describes. s.path may be part of dst.
func (k *signingKey) appendAuthorization(dst []byte, s signed) []byte {
	p := k.pens.Get().(*pen)
	names := "host;x-amz-checksum-mode;x-amz-content-sha256;x-amz-date"
	b := append(p.buf[:0], "GET\n"...)
	b = append(append(b, s.path...), '\n')
	b = append(append(b, s.query...), '\n')
	b = append(append(b, "host:"...), s.host...)
	b = append(b, "\nx-amz-checksum-mode:ENABLED\nx-amz-content-sha256:"+emptyHash+"\nx-amz-date:"...)
	b = append(append(b, s.date...), '\n')
	if s.payer {
		b = append(b, "x-amz-request-payer:requester\n"...)
		names = "host;x-amz-checksum-mode;x-amz-content-sha256;x-amz-date;x-amz-request-payer"
	}
	if s.token != "" {
		b = append(append(b, "x-amz-security-token:"...), s.token...)
		b = append(b, '\n')
		if s.payer {
			names = "host;x-amz-checksum-mode;x-amz-content-sha256;x-amz-date;x-amz-request-payer;x-amz-security-token"
		} else {
			names = "host;x-amz-checksum-mode;x-amz-content-sha256;x-amz-date;x-amz-security-token"
		}
	}
	b = append(append(append(b, '\n'), names...), '\n')
	b = append(b, emptyHash...)
	p.sum = sha256.Sum256(b)
	return finish(k, dst, p, b, s.date, names)
}

// finish appends the Authorization header's value for the canonical request
// whose hash is in p, and hands p back. b is p's buffer.
func finish[N string | []byte](k *signingKey, dst []byte, p *pen, b []byte, date string, names N) []byte {
	b = append(b[:0], "AWS4-HMAC-SHA256\n"...)
	b = append(append(b, date...), '\n')
	b = append(append(b, k.scope...), '\n')
	b = hex.AppendEncode(b, p.sum[:])
	p.mac.Reset()
	p.mac.Write(b)
	mac := p.mac.Sum(p.sum[:0])

	dst = append(dst, "AWS4-HMAC-SHA256 Credential="...)
	dst = append(append(dst, k.credentials.AccessKeyID...), '/')
	dst = append(append(dst, k.scope...), ", SignedHeaders="...)
	dst = append(append(dst, names...), ", Signature="...)
	dst = hex.AppendEncode(dst, mac)
	p.buf = b
	k.pens.Put(p)
	return dst
}

// signer gives the credentials' signing key for now, and now as X-Amz-Date.
func (e *endpoint) signer(ctx context.Context, p awssdk.CredentialsProvider, now time.Time) (*signingKey, string, error) {
	c, err := p.Retrieve(ctx)
	if err != nil {
		return nil, "", err
	}
	date := now.UTC().Format(dateFormat)
	k := e.key.Load()
	if !k.fits(&c, date[:8]) {
		k = newSigningKey(c, date[:8], e.region, e.service)
		e.key.Store(k)
	}
	return k, date, nil
}
