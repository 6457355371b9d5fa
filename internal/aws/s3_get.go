package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"s3bundler/internal/fault"
	"s3bundler/internal/http1"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// getter signs GETs and sends them.
type getter struct {
	client      *http1.Client
	proxy       func(*http.Request) (*url.URL, error)
	credentials awssdk.CredentialsProvider
	payer       bool
	// skew is what to add to this machine's clock, in nanoseconds, to have
	// S3's; zero until S3 complains.
	skew *atomic.Int64
	// requests holds *[]byte to write requests into.
	requests *sync.Pool
}

func newGetter(cfg Config, inFlight int) getter {
	tr := transportOf(cfg.raw.HTTPClient)
	return getter{
		client:      newClient(tr, inFlight),
		proxy:       tr.Proxy,
		credentials: cfg.raw.Credentials,
		skew:        new(atomic.Int64),
		requests:    &sync.Pool{New: func() any { return new([]byte) }},
	}
}

// serves reports whether the getter can reach e: the SDK's client must where
// others are signed for, and where there is a proxy in between.
func (g *getter) serves(e *endpoint) bool {
	if e.foreign || g.proxy == nil {
		return !e.foreign
	}
	proxy, err := g.proxy(&http.Request{URL: &url.URL{Scheme: e.scheme, Host: e.host}})
	return proxy == nil && err == nil
}

// Open asks for bytes of o with one GET. Where the answer shows that the
// bucket's region or this machine's clock are not what they were thought to
// be, the same attempt asks once more for each.
func (s *S3) Open(ctx context.Context, o object.Object, r store.Range) (io.ReadCloser, object.Attributes, error) {
	c := call{service: "s3", op: "GetObject", kind: fault.Download, object: true}
	if o.VersionID != "" {
		c.action = "GetObjectVersion"
	}
	b, a, err := s.open(ctx, o, r)
	if err != nil {
		c.where = o.Location().String()
		return nil, object.Attributes{}, s.oddKey(ctx, o, fail(ctx, c, err))
	}
	return b, a, nil
}

func (s *S3) open(ctx context.Context, o object.Object, r store.Range) (io.ReadCloser, object.Attributes, error) {
	if err := checkRead(o, r); err != nil {
		return nil, object.Attributes{}, err
	}
	b := s.buckets.get(o.Bucket)
	for moved, skewed := false, false; ; {
		e, err := b.in(ctx, s)
		if err != nil {
			return nil, object.Attributes{}, err
		}
		if s.sdkGet || !e.own {
			return s.openSDK(ctx, o, r)
		}
		skew := time.Duration(s.get.skew.Load())
		res, err := s.get.send(ctx, e, o, r, skew)
		if err != nil {
			return nil, object.Attributes{}, err
		}
		if !b.exists.Load() && (res.StatusCode < 300 || res.StatusCode == http.StatusPreconditionFailed) {
			b.exists.Store(true)
		}
		if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusPartialContent {
			return accept(ctx, res, o, r)
		}
		a, err := refusal(res)
		switch {
		case err != nil:
			return nil, object.Attributes{}, err
		case !moved && b.learn(a, e.asked):
			moved = true
		case !skewed && a.code == "RequestTimeTooSkewed" && s.get.learn(a.serverTime, skew):
			skewed = true
		default:
			return nil, object.Attributes{}, &apiError{answer: a}
		}
	}
}

// checkRead refuses what S3 would take for another request.
func checkRead(o object.Object, r store.Range) error {
	bad := ""
	switch {
	case o.Bucket == "":
		bad = "no bucket"
	case o.Key == "":
		bad = "no key"
	case r.Offset < 0 || r.Length < 0:
		return fmt.Errorf("%w: offset %d, length %d", store.ErrRange, r.Offset, r.Length)
	default:
		return nil
	}
	return &fault.Error{
		Kind: fault.Download, Reason: fault.BadRow, Op: "read", Where: o.Location().String(), Err: errors.New(bad),
	}
}

// send makes the request, for a clock that is skew ahead, and waits for the
// head of its answer.
func (g *getter) send(ctx context.Context, e *endpoint, o object.Object, r store.Range, skew time.Duration) (*http.Response, error) {
	key, date, err := e.signer(ctx, g.credentials, time.Now().Add(skew))
	if err != nil {
		return nil, err
	}
	token := key.credentials.SessionToken
	if !headerValue(o.ETag) || !headerValue(token) {
		return nil, fmt.Errorf("an ETag or session token that is no header value: %q", o.ETag)
	}
	buf := g.requests.Get().(*[]byte)
	defer g.requests.Put(buf)

	b := append((*buf)[:0], "GET "...)
	b = append(append(b, e.path...), '/')
	b = appendPath(b, o.Key)
	what := signed{path: b[len("GET "):], host: e.host, date: date, token: token, payer: g.payer}
	if o.VersionID != "" {
		what.query = "versionId=" + url.QueryEscape(o.VersionID)
		b = append(append(b, '?'), what.query...)
	}
	b = append(append(b, " HTTP/1.1\r\nHost: "...), e.host...)
	b = append(b, "\r\nUser-Agent: "+userAgent+"\r\nAccept-Encoding: identity"+
		"\r\nX-Amz-Checksum-Mode: ENABLED\r\nX-Amz-Content-Sha256: "+emptyHash+"\r\nX-Amz-Date: "...)
	b = append(append(b, date...), "\r\nAuthorization: "...)
	b = key.appendAuthorization(b, what)
	if token != "" {
		b = append(append(b, "\r\nX-Amz-Security-Token: "...), token...)
	}
	if g.payer {
		b = append(b, "\r\nX-Amz-Request-Payer: requester"...)
	}
	if o.ETag != "" {
		b = append(append(append(b, "\r\nIf-Match: \""...), o.ETag...), '"')
	}
	if r != (store.Range{}) {
		b = append(append(b, "\r\nRange: "...), rangeHeader(r)...)
	}
	b = append(b, "\r\n\r\n"...)
	*buf = b
	res, err := g.client.Do(ctx, e.origin(), b, nil)
	if err != nil {
		return nil, &sendError{err}
	}
	return res, nil
}

// headerValue reports whether s may stand in a header as it is.
func headerValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// rangeHeader writes r as RFC 9110 wants it; empty for all bytes.
func rangeHeader(r store.Range) string {
	switch {
	case r == store.Range{}:
		return ""
	case r.Length == 0:
		return "bytes=" + strconv.FormatInt(r.Offset, 10) + "-"
	default:
		return "bytes=" + strconv.FormatInt(r.Offset, 10) + "-" + strconv.FormatInt(r.Offset+r.Length-1, 10)
	}
}

// accept checks that the answer is to what was asked.
func accept(ctx context.Context, res *http.Response, o object.Object, r store.Range) (io.ReadCloser, object.Attributes, error) {
	a := attributes(res.Header, res.ContentLength)
	if err := notS3("GetObject", o, a); err != nil {
		res.Body.Close()
		return nil, object.Attributes{}, err
	}
	if r != (store.Range{}) {
		from, _, _, ok := contentRange(first(res.Header, "Content-Range"))
		if res.StatusCode != http.StatusPartialContent || !ok || from != r.Offset {
			res.Body.Close()
			return nil, object.Attributes{}, otherRange(o, r, res)
		}
	}
	return &body{ReadCloser: res.Body, ctx: ctx, where: o.Location()}, a, nil
}

// otherRange is the error of an answer that holds other bytes than r. S3 gives
// none, but a proxy that ignores Range does: that is worth another attempt, and
// in the end costs this object and no other.
func otherRange(o object.Object, r store.Range, res *http.Response) error {
	return read("GetObject", "", o.Location()).stranger(fmt.Sprintf("asked for %s, got status %d with Content-Range %q",
		rangeHeader(r), res.StatusCode, first(res.Header, "Content-Range")))
}

// notS3 finds answers that S3 does not give: those of a proxy, or of a page
// that wants somebody to sign in.
func notS3(op string, o object.Object, a object.Attributes) error {
	lacks := ""
	switch {
	case a.ETag == "":
		lacks = "no ETag"
	case a.Size < 0:
		lacks = "no length"
	default:
		return nil
	}
	return read(op, "", o.Location()).stranger("the answer has " + lacks)
}

// learn takes the skew of this machine's clock from S3's. It reports whether
// that is another than the request was signed with; S3 allows for 15 minutes.
func (g *getter) learn(serverTime time.Time, signed time.Duration) bool {
	if serverTime.IsZero() {
		return false
	}
	skew := time.Until(serverTime)
	g.skew.Store(int64(skew))
	return (skew - signed).Abs() > time.Minute
}

// body is an object's content on its way. Read's errors are faults.
type body struct {
	io.ReadCloser
	ctx   context.Context // of the request
	where object.Location
}

// Read reads content. An error other than io.EOF has reason Retry, or is the
// cause of the end of the context that the body was opened with.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	if b.ctx.Err() != nil {
		return n, context.Cause(b.ctx)
	}
	return n, &fault.Error{Kind: fault.Download, Reason: fault.Retry, Op: "read", Where: b.where.String(), Err: err}
}
