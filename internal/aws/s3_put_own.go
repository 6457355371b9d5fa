package aws

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

const (
	// ownPut is up to how many bytes a PUT is signed and sent without the SDK's
	// client: of a larger one that is a small part of the cost, and it asks
	// with Expect: 100-continue before it sends them.
	ownPut = 256 << 10
	// putPatience is how long the answer to such a PUT may take.
	putPatience = 30 * time.Second
)

// errOther says that a PUT is for the SDK's client: it is unusual, or its first
// attempt failed in a way that another may mend.
var errOther = errors.New("not done")

// putOwn makes one attempt to store a small body, as Open reads. Its error is
// errOther or the refusal of S3.
func (s *S3) putOwn(ctx context.Context, l object.Location, body []byte, sum string, opt store.PutOptions) (http.Header, error) {
	if s.sdkGet || len(body) > ownPut || l.Bucket == "" || l.Key == "" {
		return nil, errOther
	}
	ctx, cancel := context.WithTimeout(ctx, putPatience)
	defer cancel()
	b := s.buckets.get(l.Bucket)
	for moved, skewed := false, false; ; {
		e, err := b.in(ctx, s)
		if err != nil || !e.own {
			return nil, errOther
		}
		res, err := s.get.put(ctx, e, l.Key, body, sum, opt)
		if err != nil {
			return nil, errOther
		}
		if res.StatusCode == http.StatusOK {
			_, err := io.Copy(io.Discard, res.Body)
			kept := http.Header{}
			for _, name := range []string{"Etag", "X-Amz-Version-Id", "X-Amz-Checksum-Crc64nvme"} {
				kept.Set(name, first(res.Header, name))
			}
			if res.Body.Close(); err != nil {
				return nil, errOther
			}
			b.exists.Store(true)
			return kept, nil
		}
		a, err := refusal(res)
		switch {
		case err != nil:
			return nil, errOther
		case !moved && b.learn(a, s.options.Region):
			moved = true
		case !skewed && a.code == "RequestTimeTooSkewed" && s.get.learn(a.serverTime):
			skewed = true
		case slices.Contains([]int{http.StatusForbidden, http.StatusNotFound, http.StatusPreconditionFailed}, a.status):
			return nil, &apiError{answer: a}
		default:
			return nil, errOther
		}
	}
}

// put sends a PUT and waits for the head of its answer.
func (g *getter) put(ctx context.Context, e *endpoint, key string, body []byte, sum string, opt store.PutOptions) (*http.Response, error) {
	now := time.Now().Add(time.Duration(g.skew.Load()))
	sign, date, err := e.signer(ctx, g.credentials, now)
	if err != nil {
		return nil, err
	}
	fields := make([]field, 0, 24)
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, field{name, value})
		}
	}
	add("host", e.host)
	add("x-amz-content-sha256", unsignedPayload)
	add("x-amz-date", date)
	add("x-amz-checksum-crc64nvme", sum)
	add("x-amz-security-token", sign.credentials.SessionToken)
	add("x-amz-storage-class", opt.StorageClass)
	if t := tagging(opt.Tags); t != nil {
		add("x-amz-tagging", *t)
	}
	if g.payer {
		add("x-amz-request-payer", "requester")
	}
	if ifNoneMatch, ifMatch := conditions(opt); ifNoneMatch != nil {
		add("if-none-match", *ifNoneMatch)
	} else if ifMatch != nil {
		add("if-match", *ifMatch)
	}
	typed := false
	for _, p := range opt.Headers {
		typed = typed || strings.EqualFold(p.Name, "Content-Type")
		fields = append(fields, field{strings.ToLower(p.Name), p.Value})
	}
	if !typed {
		add("content-type", "application/octet-stream") // as the SDK does
	}
	for _, p := range opt.Metadata {
		fields = append(fields, field{"x-amz-meta-" + strings.ToLower(p.Name), p.Value})
	}
	if !sortFields(fields) {
		return nil, errOther
	}

	buf := g.requests.Get().(*[]byte)
	defer g.requests.Put(buf)
	b := append((*buf)[:0], "PUT "...)
	b = append(append(b, e.path...), '/')
	b = appendPath(b, key)
	path := b[len("PUT "):]
	b = append(b, " HTTP/1.1\r\n"...)
	for _, f := range fields {
		b = append(append(append(append(b, f.name...), ": "...), f.value...), "\r\n"...)
	}
	b = append(b, "User-Agent: "+userAgent+"\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\nAuthorization: "...)
	b = sign.appendPutAuthorization(b, path, fields, date)
	b = append(append(b, "\r\n\r\n"...), body...)
	*buf = b
	return g.client.Do(ctx, e.origin(), b)
}
