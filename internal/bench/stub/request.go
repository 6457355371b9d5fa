package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
)

// maxHead is the longest head of a request.
const maxHead = 16 << 10

var errRequest = errors.New("not a request of HTTP/1.1 with a Content-Length")

// request is the head of a request, as far as the stub looks at it. Its fields
// lie in the connection's buffer, until the next request.
type request struct {
	method, bucket, key, query []byte

	length                int64 // of the body
	expect, absent        bool  // Expect: 100-continue; If-None-Match: *
	rangeOf, ifMatch, sum []byte
	copySource            bool
	from, to              int64 // of rangeOf, from parse; to is inclusive, -1 for the end
}

// parse reads a head, up to its empty line.
func (r *request) parse(head []byte) error {
	*r = request{}
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	method, line, ok := bytes.Cut(line, []byte(" "))
	target, proto, ok2 := bytes.Cut(line, []byte(" "))
	if !ok || !ok2 || string(proto) != "HTTP/1.1" || len(target) == 0 || target[0] != '/' {
		return errRequest
	}
	r.method = method
	target, r.query, _ = bytes.Cut(target[1:], []byte("?"))
	r.bucket, r.key, _ = bytes.Cut(target, []byte("/"))
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return errRequest
		}
		if err := r.header(name, bytes.TrimSpace(value)); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) header(name, value []byte) (err error) {
	switch len(name) { // cheaper than to compare all
	case len("Range"):
		if is(name, "Range") {
			r.rangeOf = value
			if r.from, r.to, err = parseRange(value); err != nil {
				return err
			}
		}
	case len("Expect"):
		r.expect = r.expect || is(name, "Expect")
	case len("If-Match"):
		if is(name, "If-Match") {
			r.ifMatch = value
		}
	case len("If-None-Match"):
		r.absent = r.absent || is(name, "If-None-Match")
	case len("Content-Length"):
		if is(name, "Content-Length") {
			if r.length, err = strconv.ParseInt(string(value), 10, 64); err != nil || r.length < 0 {
				return errRequest
			}
		}
	case len("Transfer-Encoding"):
		if is(name, "Transfer-Encoding") {
			return errRequest
		}
		r.copySource = r.copySource || is(name, "X-Amz-Copy-Source")
	case len("X-Amz-Checksum-Crc64nvme"):
		if is(name, "X-Amz-Checksum-Crc64nvme") {
			r.sum = value
		}
	}
	return nil
}

func is(name []byte, want string) bool { return bytes.EqualFold(name, []byte(want)) }

// parseRange reads "bytes=from-to" and "bytes=from-".
func parseRange(v []byte) (from, to int64, err error) {
	v, ok := bytes.CutPrefix(v, []byte("bytes="))
	a, b, ok2 := bytes.Cut(v, []byte("-"))
	if !ok || !ok2 {
		return 0, 0, errRequest
	}
	if from, err = strconv.ParseInt(string(a), 10, 64); err != nil || from < 0 {
		return 0, 0, errRequest
	}
	if len(b) == 0 {
		return from, -1, nil
	}
	if to, err = strconv.ParseInt(string(b), 10, 64); err != nil || to < from {
		return 0, 0, errRequest
	}
	return from, to, nil
}

// reader reads requests from a connection.
type reader struct {
	conn *net.TCPConn
	buf  [maxHead]byte
	// have is the part of buf that holds what was read and not yet used.
	have []byte
}

// head returns the next head, valid until the next call; io.EOF at the end.
func (r *reader) head() ([]byte, error) {
	if len(r.have) == 0 {
		r.have = r.buf[:0]
	}
	seen := 0
	for {
		if i := bytes.Index(r.have[seen:], []byte("\r\n\r\n")); i >= 0 {
			head := r.have[:seen+i]
			r.have = r.have[seen+i+4:]
			return head, nil
		}
		seen = max(0, len(r.have)-3)
		if len(r.have) == cap(r.have) {
			if len(r.have) == maxHead {
				return nil, errRequest
			}
			r.have = r.buf[:copy(r.buf[:], r.have)]
		}
		n, err := r.conn.Read(r.have[len(r.have):cap(r.have)])
		r.have = r.have[:len(r.have)+n]
		if n == 0 && err != nil {
			if err == io.EOF && len(r.have) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// body gives the next n bytes to take, piece by piece.
func (r *reader) body(n int64, take func([]byte)) error {
	k := min(n, int64(len(r.have)))
	take(r.have[:k])
	r.have = r.have[k:]
	n -= k
	for n > 0 {
		// What follows the body is no part of it.
		got, err := r.conn.Read(r.buf[:min(n, maxHead)])
		take(r.buf[:got])
		if n -= int64(got); err != nil && n > 0 {
			return err
		}
	}
	return nil
}

// discard reads n bytes of a body to nowhere, by way of room.
func (r *reader) discard(n int64, room []byte) error {
	k := min(n, int64(len(r.have)))
	r.have = r.have[k:]
	if n -= k; n == 0 {
		return nil
	}
	return discard(r.conn, n, room)
}
