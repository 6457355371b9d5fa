package aws

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"s3bundler/internal/http1"
)

// userAgent names the program in S3's access logs.
const userAgent = "s3bundler"

// Sizes and times of the transports.
const (
	// defaultInFlight is how many connections to one host are kept if
	// Settings do not say.
	defaultInFlight = 512
	// partBuffer is the step in which parts are written.
	partBuffer = 64 << 10
	// dialTimeout and tlsTimeout bound the making of a connection.
	dialTimeout = 10 * time.Second
	tlsTimeout  = 10 * time.Second
	// idleTimeout is how long the SDK's connections are kept unused.
	idleTimeout = 55 * time.Second
	// getIdle is how long connections for GETs are kept unused.
	getIdle = 30 * time.Second
)

// tuneAPI fits the SDK's transport to many calls at once over HTTP/1.1, which
// is all that S3 speaks, and to bytes that are taken as they are.
func tuneAPI(tr *http.Transport) {
	var only http.Protocols
	only.SetHTTP1(true)
	tr.Protocols = &only
	tr.ForceAttemptHTTP2 = false
	tr.DisableCompression = true
	tr.MaxIdleConns = 0
	tr.MaxIdleConnsPerHost = 128
	tr.IdleConnTimeout = idleTimeout
	tr.TLSHandshakeTimeout = tlsTimeout
	tr.WriteBufferSize = partBuffer
	tr.DialContext = newSpread().dialContext
	if tr.TLSClientConfig == nil {
		tr.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	// Many connections to one host begin at once: all but the first resume its
	// TLS session.
	tr.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(0)
}

// transportOf gives the transport of the SDK's client, with what a person
// configures by AWS_CA_BUNDLE or the proxy variables.
func transportOf(sdk awssdk.HTTPClient) *http.Transport {
	if c, ok := sdk.(*http.Client); ok {
		if tr, ok := c.Transport.(*http.Transport); ok {
			return tr
		}
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment}
}

// newClient makes the client of GETs, which connects as tr does and trusts whom
// tr trusts. Its requests are ended by who asks: package fetch gives up one on
// which nothing arrives.
func newClient(tr *http.Transport, inFlight int) *http1.Client {
	tcp := tr.DialContext
	if tcp == nil {
		tcp = newSpread().dialContext
	}
	secure := tr.TLSClientConfig.Clone()
	if secure == nil {
		secure = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	secure.NextProtos = []string{"http/1.1"}
	return &http1.Client{
		MaxIdle: inFlight, Idle: getIdle,
		Dial: func(ctx context.Context, to http1.Origin) (net.Conn, error) { return dial(ctx, to, tcp, secure) },
	}
}

// dial connects to a server.
func dial(ctx context.Context, to http1.Origin, tcp func(context.Context, string, string) (net.Conn, error), secure *tls.Config) (net.Conn, error) {
	u := url.URL{Scheme: to.Scheme, Host: to.Host}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[to.Scheme]
	}
	conn, err := tcp(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil || to.Scheme != "https" {
		return conn, err
	}
	cfg := secure.Clone()
	if cfg.ServerName == "" {
		cfg.ServerName = u.Hostname()
	}
	bounded, cancel := context.WithTimeoutCause(ctx, tlsTimeout, errHandshake)
	defer cancel()
	over := tls.Client(conn, cfg)
	if err := over.HandshakeContext(bounded); err != nil {
		conn.Close()
		if cause := context.Cause(bounded); cause != nil {
			err = cause
		}
		return nil, err
	}
	return over, nil
}

var errHandshake = errors.New("the server does not end the TLS handshake")
