package health

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"s3bundler/internal/fault"
)

// Path is where Serve answers health checks.
const Path = "/healthz"

// Serve listens on addr and answers health checks until stop is called, which
// returns when the server has ended. addr is host:port, or unix:PATH for a
// socket, where several workers share the host's network. bound is the address
// with its port, where addr leaves the port to the system.
func Serve(ctx context.Context, addr string, c *Checks) (bound string, stop func(), err error) {
	l, err := listen(ctx, addr)
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
	bound = l.Addr().String()
	if l.Addr().Network() == "unix" {
		bound = unixScheme + bound
	}
	return bound, func() {
		_ = server.Close() // a check that is cut off by the end learns what it asked
		<-ended
	}, nil
}

// unixScheme begins an address that is the path of a socket.
const unixScheme = "unix:"

// split gives the network of an address.
func split(addr string) (network, name string) {
	if path, ok := strings.CutPrefix(addr, unixScheme); ok {
		return "unix", path
	}
	return "tcp", addr
}

// listen opens addr. A socket that a process which was killed has left behind
// is taken over.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	network, name := split(addr)
	l, err := lc.Listen(ctx, network, name)
	if network != "unix" || !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	var d net.Dialer
	if conn, dialErr := d.DialContext(ctx, network, name); !errors.Is(dialErr, syscall.ECONNREFUSED) {
		if conn != nil {
			_ = conn.Close() // it has told that another process listens
		}
		return nil, err
	}
	if err := os.Remove(name); err != nil {
		return nil, err
	}
	return lc.Listen(ctx, network, name)
}
