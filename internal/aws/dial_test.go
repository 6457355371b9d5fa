package aws

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
)

func TestSpread(t *testing.T) {
	addrs := func(texts ...string) (all []netip.Addr) {
		for _, s := range texts {
			all = append(all, netip.MustParseAddr(s))
		}
		return all
	}
	for name, tt := range map[string]struct {
		addr   string
		found  []netip.Addr
		err    error
		broken string   // an address that cannot be reached
		want   []string // dialled by three calls
	}{
		"several":          {addr: "s3:443", found: addrs("10.0.0.1", "10.0.0.2", "10.0.0.3"), want: []string{"10.0.0.2:443", "10.0.0.3:443", "10.0.0.1:443"}},
		"preferred family": {addr: "s3:443", found: addrs("fd00::1", "10.0.0.2", "fd00::3"), want: []string{"[fd00::3]:443", "[fd00::1]:443", "[fd00::3]:443"}},
		"one":              {addr: "s3:443", found: addrs("10.0.0.1"), want: []string{"s3:443", "s3:443", "s3:443"}},
		"one of a family":  {addr: "s3:443", found: addrs("fd00::1", "10.0.0.2"), want: []string{"s3:443", "s3:443", "s3:443"}},
		"an address":       {addr: "127.0.0.1:80", want: []string{"127.0.0.1:80", "127.0.0.1:80", "127.0.0.1:80"}},
		"unknown":          {addr: "s3:443", err: errors.New("no such host"), want: []string{"s3:443", "s3:443", "s3:443"}},
		"one is down":      {addr: "s3:443", found: addrs("10.0.0.1", "10.0.0.2"), broken: "10.0.0.1:443", want: []string{"10.0.0.2:443", "10.0.0.1:443", "s3:443", "10.0.0.2:443"}},
	} {
		t.Run(name, func(t *testing.T) {
			var dialled []string
			s := &spread{
				lookup: func(context.Context, string, string) ([]netip.Addr, error) { return slices.Clone(tt.found), tt.err },
				dial: func(_ context.Context, _, addr string) (net.Conn, error) {
					dialled = append(dialled, addr)
					if addr == tt.broken {
						return nil, errors.New("refused")
					}
					near, far := net.Pipe()
					far.Close()
					return near, nil
				},
			}
			for range 3 {
				conn, err := s.dialContext(t.Context(), "tcp", tt.addr)
				if err != nil {
					t.Fatal(err)
				}
				conn.Close()
			}
			if !slices.Equal(dialled, tt.want) {
				t.Errorf("dialled %q, want %q", dialled, tt.want)
			}
		})
	}
}
