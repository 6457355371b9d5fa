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
	// ownPut is up to how many bytes an object is signed and sent without the
	// SDK's client: of a larger one that is a small part of the cost, and it
	// asks with Expect: 100-continue before it sends them, in vain if the
	// object is there and must not be.
	ownPut = 256 << 10
	// putPatience is how long the answer to a PUT may take, besides the time
	// that its body takes at putRate.
	putPatience = 30 * time.Second
	putRate     = 64 << 10 // bytes per second
)

// put is a PUT of bytes in memory.
type put struct {
	to    object.Location
	query string // as it is signed
	body  []byte
	sum   string // its CRC64NVME, as S3 writes it
	opt   store.PutOptions
}

// errOther says that a PUT is for the SDK's client: it is unusual, or its first
// attempt failed in a way that another may mend.
var errOther = errors.New("not done")

// putOwn makes one attempt at a PUT, as Open reads. Its error is errOther or
// the refusal of S3.
func (s *S3) putOwn(ctx context.Context, p put) (http.Header, error) {
	if s.sdkGet || p.to.Bucket == "" || p.to.Key == "" {
		return nil, errOther
	}
	ctx, cancel := context.WithTimeout(ctx, putPatience+time.Duration(len(p.body)/putRate)*time.Second)
	defer cancel()
	b := s.buckets.get(p.to.Bucket)
	for moved, skewed := false, false; ; {
		e, err := b.in(ctx, s)
		if err != nil || !e.own {
			return nil, errOther
		}
		skew := time.Duration(s.get.skew.Load())
		res, err := s.get.put(ctx, e, p, skew)
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
			if kept.Get("Etag") == "" {
				return nil, errOther
			}
			b.exists.Store(true)
			return kept, nil
		}
		a, err := refusal(res)
		switch {
		case err != nil:
			return nil, errOther
		case !moved && b.learn(a, e.asked):
			moved = true
		case !skewed && a.code == "RequestTimeTooSkewed" && s.get.learn(a.serverTime, skew):
			skewed = true
		case a.code == "RequestTimeTooSkewed":
			return nil, errOther
		case slices.Contains([]int{http.StatusForbidden, http.StatusNotFound, http.StatusPreconditionFailed}, a.status):
			return nil, &apiError{answer: a}
		default:
			return nil, errOther
		}
	}
}

// put sends a PUT, for a clock that is skew ahead, and waits for the head of
// its answer.
func (g *getter) put(ctx context.Context, e *endpoint, p put, skew time.Duration) (*http.Response, error) {
	sign, date, err := e.signer(ctx, g.credentials, time.Now().Add(skew))
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
	add("x-amz-checksum-crc64nvme", p.sum)
	add("x-amz-security-token", sign.credentials.SessionToken)
	add("x-amz-storage-class", p.opt.StorageClass)
	if t := tagging(p.opt.Tags); t != nil {
		add("x-amz-tagging", *t)
	}
	if g.payer {
		add("x-amz-request-payer", "requester")
	}
	if ifNoneMatch, ifMatch := conditions(p.opt); ifNoneMatch != nil {
		add("if-none-match", *ifNoneMatch)
	} else if ifMatch != nil {
		add("if-match", *ifMatch)
	}
	typed := false
	for _, h := range p.opt.Headers {
		typed = typed || strings.EqualFold(h.Name, "Content-Type")
		fields = append(fields, field{strings.ToLower(h.Name), h.Value})
	}
	if !typed {
		add("content-type", "application/octet-stream") // as the SDK does
	}
	for _, m := range p.opt.Metadata {
		fields = append(fields, field{"x-amz-meta-" + strings.ToLower(m.Name), m.Value})
	}
	if !sortFields(fields) {
		return nil, errOther
	}

	buf := g.requests.Get().(*[]byte)
	defer g.requests.Put(buf)
	b := append((*buf)[:0], "PUT "...)
	b = append(append(b, e.path...), '/')
	b = appendPath(b, p.to.Key)
	path := b[len("PUT "):]
	if p.query != "" {
		b = append(append(b, '?'), p.query...)
	}
	b = append(b, " HTTP/1.1\r\n"...)
	for _, f := range fields {
		b = append(append(append(append(b, f.name...), ": "...), f.value...), "\r\n"...)
	}
	b = append(b, "User-Agent: "+userAgent+"\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(p.body)), 10)
	b = append(b, "\r\nAuthorization: "...)
	b = sign.appendPutAuthorization(b, path, p.query, fields, date)
	b = append(b, "\r\n\r\n"...)
	rest := p.body
	if len(rest) <= ownPut { // cheaper to copy than to send apart
		b, rest = append(b, rest...), nil
	}
	*buf = b
	return g.client.Do(ctx, e.origin(), b, rest)
}
