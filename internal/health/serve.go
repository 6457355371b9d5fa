package health

import (
	"context"
	"net"
	"net/http"
	"time"

	"s3bundler/internal/fault"
)

// Path is where Serve answers health checks.
const Path = "/healthz"

// Serve listens on addr and answers health checks until stop is called, which
// returns when the server has ended. bound is the address with its port, where
// addr leaves the port to the system.
func Serve(ctx context.Context, addr string, c *Checks) (bound string, stop func(), err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return "", nil, fault.New(fault.Usage, "listen for health checks on", addr, err, "choose another --health-addr")
	}
	mux := http.NewServeMux()
	mux.Handle(Path, c)
	server := &http.Server{
		Handler:           mux,
		ReadTimeout:       5 * time.Second,
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      5 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    8 << 10,
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l) // ends by Close only
	}()
	return l.Addr().String(), func() {
		_ = server.Close() // a check that is cut off by the end learns what it asked
		<-ended
	}, nil
}
