package aws

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// spread makes connections to all of a name's addresses in turn. S3 answers a
// DNS query with several, and each is a machine with limits of its own; the
// plain dialer takes the first, and many dials at once share one answer. See
// "Performance design patterns for Amazon S3" in the S3 User Guide.
type spread struct {
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	turn   atomic.Uint32
}

func newSpread() *spread {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return &spread{lookup: net.DefaultResolver.LookupNetIP, dial: dialer.DialContext}
}

// dialContext connects to addr. Addresses of the family that the resolver
// prefers take turns; where that comes to nothing, the plain dialer, which
// tries all, has its way.
func (s *spread) dialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return s.dial(ctx, network, addr)
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return s.dial(ctx, network, addr)
	}
	found, err := s.lookup(ctx, "ip", host)
	if err != nil {
		return s.dial(ctx, network, addr)
	}
	n := 0
	for _, a := range found {
		if a.Unmap().Is4() == found[0].Unmap().Is4() {
			found[n] = a
			n++
		}
	}
	if n < 2 {
		return s.dial(ctx, network, addr)
	}
	a := found[s.turn.Add(1)%uint32(n)].Unmap()
	conn, err := s.dial(ctx, network, net.JoinHostPort(a.String(), port))
	if err != nil && ctx.Err() == nil {
		return s.dial(ctx, network, addr)
	}
	return conn, err
}
