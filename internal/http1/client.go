package http1

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Origin is a server: what connections are made to and kept for.
type Origin struct {
	// Scheme is "http" or "https".
	Scheme string
	// Host is a name or address, with a port unless it is the scheme's own.
	Host string
}

// Client sends requests. Its fields must not change once it is used. It may be
// called from many goroutines.
type Client struct {
	// Dial makes a connection to a server.
	Dial func(ctx context.Context, to Origin) (net.Conn, error)
	// MaxIdle is how many unused connections to one server are kept, and Idle
	// for how long at most.
	MaxIdle int
	Idle    time.Duration

	mu    sync.Mutex
	idle  map[Origin][]*conn // longest unused first; guarded by mu
	sweep *time.Timer        // set while any are idle; guarded by mu
}

// Do sends a request and waits for the head of its answer. head is the request
// as it goes over the wire, up to its body or with it; body goes behind it, and
// may be nil. It must not be a HEAD, and must be one that may be sent twice:
// that happens where a kept connection turns out to have been ended by the
// server. head and body stay the caller's and are not changed.
//
// The answer and its header are good until its body is closed, which the
// caller does; strings out of it stay. The end of ctx ends the request and the
// reading of the body, and nothing else does: there are no timeouts.
//
// A body that is read to its end, whether or not the reader has seen io.EOF,
// leaves its connection to the next request. A body that breaks off ends with
// io.ErrUnexpectedEOF or the connection's error.
func (c *Client) Do(ctx context.Context, to Origin, head, body []byte) (*http.Response, error) {
	if kept := c.take(to); kept != nil {
		res, err := kept.do(ctx, head, body)
		if err == nil || kept.answered || ctx.Err() != nil {
			return res, err
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	fresh, err := c.Dial(ctx, to)
	if err != nil {
		return nil, err
	}
	return newConn(c, to, fresh).do(ctx, head, body)
}

// CloseIdle closes the connections that are kept unused.
func (c *Client) CloseIdle() { c.closeIdle(0) }

// take gives the connection that was used last, nil if there is none.
func (c *Client) take(to Origin) *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.idle[to]
	if len(all) == 0 {
		return nil
	}
	last := all[len(all)-1]
	all[len(all)-1] = nil
	c.idle[to] = all[:len(all)-1]
	return last
}

// keep takes a connection back whose answer was read to its end.
func (c *Client) keep(cn *conn) {
	cn.since = time.Now()
	if !c.store(cn) {
		cn.net.Close()
	}
}

// store puts a connection with the idle ones; false if there are enough.
func (c *Client) store(cn *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle[cn.to]) >= c.MaxIdle {
		return false
	}
	if c.idle == nil {
		c.idle = make(map[Origin][]*conn)
	}
	c.idle[cn.to] = append(c.idle[cn.to], cn)
	if c.sweep == nil {
		c.sweep = time.AfterFunc(c.Idle, func() { c.closeIdle(c.Idle) })
	}
	return true
}

// closeIdle closes connections that have been idle for that long, and comes
// back for the others.
func (c *Client) closeIdle(long time.Duration) {
	for _, cn := range c.takeIdle(long) {
		cn.net.Close() // says farewell, if it is TLS: not under the lock
	}
}

func (c *Client) takeIdle(long time.Duration) (old []*conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sweep != nil {
		c.sweep.Stop()
		c.sweep = nil
	}
	next := time.Duration(-1) // until one has been idle for c.Idle
	for to, all := range c.idle {
		n := 0
		for n < len(all) && time.Since(all[n].since) >= long {
			n++
		}
		old = append(old, all[:n]...)
		left := slices.Delete(all, 0, n)
		c.idle[to] = left
		if len(left) == 0 {
			continue
		}
		if wait := max(0, c.Idle-time.Since(left[0].since)); next < 0 || wait < next {
			next = wait
		}
	}
	if next >= 0 {
		c.sweep = time.AfterFunc(next, func() { c.closeIdle(c.Idle) })
	}
	return old
}
