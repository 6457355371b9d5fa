package aws

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
)

// userAgent names the program in S3's access logs.
const userAgent = "s3bundler"

// Sizes and times of the transports.
const (
	// defaultInFlight is how many connections to one host are kept if
	// Settings do not say.
	defaultInFlight = 512
	// readBuffer holds an answer's head and, for the small objects this
	// program is for, the most of its body, so that one system call reads both.
	readBuffer = 16 << 10
	// writeBuffer holds a request's head.
	writeBuffer = 4 << 10
	// partBuffer is the step in which parts are written.
	partBuffer = 64 << 10
	// dialTimeout and tlsTimeout bound the making of a connection.
	dialTimeout = 10 * time.Second
	tlsTimeout  = 10 * time.Second
	// idleTimeout is how long the SDK's connections are kept unused.
	idleTimeout = 55 * time.Second
	// stallTimeout ends a GET's connection on which nothing arrives: neither
	// the first byte of an answer, nor the next, nor, while it is idle, the
	// next request's.
	stallTimeout = 30 * time.Second
)

// tuneAPI fits the SDK's transport to many calls at once over HTTP/1.1, which
// is all that S3 speaks.
func tuneAPI(tr *http.Transport) {
	common(tr)
	tr.MaxIdleConns = 0
	tr.MaxIdleConnsPerHost = 128
	tr.IdleConnTimeout = idleTimeout
	tr.TLSHandshakeTimeout = tlsTimeout
	tr.WriteBufferSize = partBuffer
	tr.DialContext = newSpread().dialContext
}

// common is what both transports have: HTTP/1.1 alone, bytes as they are, and
// TLS sessions that are resumed.
func common(tr *http.Transport) {
	var http1 http.Protocols
	http1.SetHTTP1(true)
	tr.Protocols = &http1
	tr.ForceAttemptHTTP2 = false
	tr.DisableCompression = true
	// Hundreds of connections to one host begin at once: all but the first
	// resume its TLS session.
	if tr.TLSClientConfig == nil {
		tr.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	tr.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(0)
}

// newTransport makes the transport of GETs. What a person configures for the
// SDK's, by AWS_CA_BUNDLE or the proxy variables, holds for it too.
//
// It has no timers of net/http's: those are set and stopped in every request.
// stalls does their work.
func newTransport(sdk awssdk.HTTPClient, inFlight int) *http.Transport {
	tr := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if c, ok := sdk.(*http.Client); ok {
		if t, ok := c.Transport.(*http.Transport); ok {
			tr = t.Clone()
		}
	}
	common(tr)
	tr.MaxIdleConns = 0
	tr.MaxIdleConnsPerHost = inFlight
	tr.MaxConnsPerHost = 0
	tr.IdleConnTimeout = 0
	tr.ResponseHeaderTimeout = 0
	tr.TLSHandshakeTimeout = tlsTimeout
	tr.ReadBufferSize = readBuffer
	tr.WriteBufferSize = writeBuffer
	dial := newSpread().dialContext
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &stalls{Conn: conn}, nil
	}
	return tr
}

// stalls is a connection that ends when nothing arrives for stallTimeout after
// the last byte sent or received.
type stalls struct{ net.Conn }

func (c *stalls) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(stallTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *stalls) Write(p []byte) (int, error) {
	// The read that waits for the answer began when the connection was idle.
	if err := c.SetReadDeadline(time.Now().Add(stallTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
