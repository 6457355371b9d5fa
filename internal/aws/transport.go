package aws

import (
	"net/http"
	"time"
)

// Sizes and times of the transports.
const (
	// defaultInFlight is how many connections to one host are kept if
	// Settings do not say.
	defaultInFlight = 512
	// readBuffer holds an answer's head and, for the small objects this
	// program is for, most of its body, so that one read system call gets
	// both.
	readBuffer = 16 << 10
	// writeBuffer holds a request's head; parts are written past it.
	writeBuffer = 8 << 10
	// idleTimeout is below the time after which S3 closes idle connections
	// with no warning to a client behind NAT.
	idleTimeout = 55 * time.Second
	// headerTimeout is for the first byte of a GET's answer. S3 answers within
	// seconds or not at all; the caller tries again.
	headerTimeout = 30 * time.Second
)

// tuneAPI fits the SDK's transport to many calls at once over HTTP/1.1, which
// is all that S3 speaks.
func tuneAPI(tr *http.Transport) {
	var http1 http.Protocols
	http1.SetHTTP1(true)
	tr.Protocols = &http1
	tr.ForceAttemptHTTP2 = false
	tr.DisableCompression = true
	tr.MaxIdleConns = 0
	tr.MaxIdleConnsPerHost = 128
	tr.IdleConnTimeout = idleTimeout
	tr.WriteBufferSize = 64 << 10
}
