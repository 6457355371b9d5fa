package http1

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	// firstBuffer holds an answer's head and, where the body is small, all of
	// that too, so that one system call reads both.
	firstBuffer = 16 << 10
	// maxHead bounds the head of an answer, in bytes.
	maxHead = 256 << 10
)

// conn is a connection with at most one request under way.
type conn struct {
	client *Client
	to     Origin
	net    net.Conn
	since  time.Time // idle since

	buf  []byte // buf[r:w] is received and not read
	r, w int

	// answered says that some of the answer to the request has come.
	answered bool
	// unwatch ends the watch on the request's context; false if that has ended.
	unwatch func() bool

	res    http.Response
	values []string // of the header
	body   body
}

func newConn(c *Client, to Origin, n net.Conn) *conn {
	cn := &conn{client: c, to: to, net: n, buf: make([]byte, firstBuffer)}
	cn.res.Header = make(http.Header, 16)
	return cn
}

// do sends a request and reads the head of its answer. After an error the
// connection is closed.
func (c *conn) do(ctx context.Context, head, body []byte) (*http.Response, error) {
	c.answered = false
	c.unwatch = context.AfterFunc(ctx, func() { c.net.Close() })
	err := c.exchange(head, body)
	if err == nil {
		return &c.res, nil
	}
	c.unwatch()
	c.net.Close()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, err
}

var errUnread = errors.New("malformed answer: it came before the whole request was sent")

// exchange sends a request and makes its answer.
func (c *conn) exchange(head, body []byte) error {
	var unsent, answer error
	if len(body) == 0 {
		_, unsent = c.net.Write(head)
		answer = c.readAnswer()
	} else {
		unsent, answer = c.converse(head, body)
	}
	switch {
	case unsent == nil:
		return answer
	case answer == nil && c.res.StatusCode >= 300:
		c.res.Close = true // what is left of the request is never sent
		return nil
	case !errors.Is(unsent, os.ErrDeadlineExceeded):
		return unsent
	case answer != nil:
		return answer
	}
	return errUnread
}

// converse waits for the answer while it writes: a server may refuse a body
// before it has read it, and then close the connection, read on, or do neither.
func (c *conn) converse(head, body []byte) (unsent, answer error) {
	sent := make(chan error, 1)
	go func() {
		// One system call, if the connection is plain TCP and its buffer
		// takes it.
		both := net.Buffers{head, body}
		_, err := both.WriteTo(c.net)
		sent <- err
	}()
	answer = c.readAnswer()
	// What is not written by now is not wanted. If nothing is left, the write
	// ends well in spite of its deadline.
	_ = c.net.SetWriteDeadline(time.Unix(1, 0))
	unsent = <-sent
	_ = c.net.SetWriteDeadline(time.Time{})
	return unsent, answer
}

// readAnswer reads heads up to the final one, and makes the answer of it.
func (c *conn) readAnswer() error {
	for {
		head, err := c.readHead()
		if err != nil {
			return err
		}
		if err := c.parse(head); err != nil {
			return fmt.Errorf("malformed answer: %w", err)
		}
		switch s := c.res.StatusCode; {
		case s >= 200:
			return c.frame()
		case s == http.StatusSwitchingProtocols:
			return errors.New("malformed answer: another protocol")
		}
	}
}

// readHead gives the bytes up to the empty line that ends a head. They are good
// until the next read.
func (c *conn) readHead() ([]byte, error) {
	line := 0 // where the first line that is not complete starts, behind r
	for {
		for {
			i := bytes.IndexByte(c.buf[c.r+line:c.w], '\n')
			if i < 0 {
				break
			}
			if i == 0 || i == 1 && c.buf[c.r+line] == '\r' {
				head := c.buf[c.r : c.r+line]
				c.r += line + i + 1
				return head, nil
			}
			line += i + 1
		}
		if err := c.more(); err != nil {
			if err == io.EOF && c.answered {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// more receives more behind what is not read yet, for which it makes room.
func (c *conn) more() error {
	if c.r > 0 && (c.r == c.w || c.w == len(c.buf)) {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	if c.w == len(c.buf) {
		if c.w >= maxHead {
			return fmt.Errorf("malformed answer: its head has more than %d bytes", maxHead)
		}
		c.buf = append(c.buf, make([]byte, len(c.buf))...)
	}
	n, err := c.net.Read(c.buf[c.w:])
	if n > 0 {
		c.answered = true
		c.w += n
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// Read gives the bytes behind the head.
func (c *conn) Read(p []byte) (int, error) {
	if c.r < c.w {
		n := copy(p, c.buf[c.r:c.w])
		c.r += n
		return n, nil
	}
	return c.net.Read(p)
}

// release ends the answer. The connection is kept if all of it was read.
func (c *conn) release(complete bool) {
	if c.unwatch() && complete && !c.res.Close && c.r == c.w {
		c.client.keep(c)
		return
	}
	c.net.Close()
}
