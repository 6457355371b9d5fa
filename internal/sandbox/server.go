package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what a Server is. The zero value is an S3 in memory, open to
// everyone, without a queue, on a free port.
type Options struct {
	// Addr is the host:port to listen on; empty means 127.0.0.1:0.
	Addr string
	// Dir is a folder for objects and buckets, made if it is not there. What
	// it holds from an earlier run is served again, except for multipart
	// uploads. Empty means memory.
	Dir string
	// Region is the server's own; empty means us-east-1.
	Region string
	// Credentials are the secrets by access key ID. If there are any,
	// requests must be signed with one of them. Nil lets everyone in.
	Credentials map[string]Credential
	// Queues answers requests with an X-Amz-Target of AmazonSQS, and those
	// to /queue/.
	Queues http.Handler
	// MinPartSize is the least size of a part that is not the last, in bytes;
	// 0 means S3's 5 MiB.
	MinPartSize int64
	// MaxCopySize is the largest object or range one copy request takes, in
	// bytes; 0 means S3's 5 GiB.
	MaxCopySize int64
	// RestoreHeads is how many HEADs of an archived object still say that its
	// restore is under way after it was asked for.
	RestoreHeads int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Before, if set, is called with every S3 request before it has any
	// effect, After with its end. They run in the request's own goroutine,
	// many at once, and hold the request up.
	Before, After func(Exchange)
}

// Server is the local S3. It is safe for concurrent use. It is an
// http.Handler, too, that can be served by other means.
type Server struct {
	opt     Options
	routes  map[string]handlerFunc
	counts  counters
	faults  faults
	disk    *disk
	secrets atomic.Pointer[map[string]Credential]

	mu        sync.RWMutex
	buckets   map[string]*bucket
	listeners []listener

	// sequence and boot make request IDs; events makes sequencers.
	sequence, events atomic.Uint64
	boot             uint64

	// ctx ends with Close and frees every request that waits.
	ctx    context.Context
	cancel context.CancelFunc
	gate   sync.RWMutex // held to enter, and to close for good
	closed bool
	active sync.WaitGroup

	url    string
	http   *http.Server
	served chan struct{}
}

// New makes a Server that does not listen.
func New(opt Options) (*Server, error) {
	if opt.Region == "" {
		opt.Region = "us-east-1"
	}
	if opt.MinPartSize == 0 {
		opt.MinPartSize = 5 << 20
	}
	if opt.MaxCopySize == 0 {
		opt.MaxCopySize = 5 << 30
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	s := &Server{opt: opt, routes: routes(), buckets: map[string]*bucket{}, boot: randomUint64()}
	s.counts.prepare(s.routes)
	s.SetCredentials(opt.Credentials)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if opt.Dir != "" {
		var err error
		if s.disk, err = openDisk(opt.Dir); err != nil {
			return nil, err
		}
		if s.buckets, err = s.disk.load(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Start makes a Server and listens. Close ends it.
func Start(opt Options) (*Server, error) {
	s, err := New(opt)
	if err != nil {
		return nil, err
	}
	if opt.Addr == "" {
		opt.Addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", opt.Addr)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s.url = "http://" + l.Addr().String()
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 30 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
	}
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		// Serve ends with ErrServerClosed, by Close.
		_ = s.http.Serve(l)
	}()
	return s, nil
}

// URL is the address to give to clients as their endpoint. It is empty for a
// Server that does not listen.
func (s *Server) URL() string { return s.url }

// Close ends all requests, waits for their handlers and stops listening.
func (s *Server) Close() error {
	s.gate.Lock()
	s.closed = true
	s.gate.Unlock()
	s.cancel()
	var err error
	if s.http != nil {
		err = s.http.Close()
		<-s.served
	}
	s.active.Wait()
	if s.disk != nil {
		err = errors.Join(err, s.disk.close())
	}
	return err
}

// enter admits a request unless the server is closed.
func (s *Server) enter() bool {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return false
	}
	s.active.Add(1)
	return true
}

// now is the server's time in S3's resolution.
func (s *Server) now() time.Time { return s.opt.Now().UTC().Truncate(time.Second) }
