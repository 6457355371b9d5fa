package sandbox

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// errCut ends a handler whose answer was cut on purpose.
var errCut = errors.New("answer cut")

// answer is a response that counts what it sends and carries out a fault's
// plan for the body.
type answer struct {
	http.ResponseWriter
	status int
	sent   int64
	// plan is nil but for faults in the body.
	plan *bodyPlan
	// mute drops everything: the answer is lost.
	mute bool
}

// bodyPlan is what goes wrong with a body, at byte at.
type bodyPlan struct {
	kind Kind
	at   int64
	// wait returns when a stalled body may end.
	wait func()
}

func (a *answer) WriteHeader(status int) {
	if a.status != 0 {
		return
	}
	a.status = status
	if a.mute {
		return
	}
	if p := a.plan; p != nil {
		h := a.Header()
		if p.kind == WrongChecksum {
			spoilChecksums(h)
		}
		// The byte is always one that is there.
		if n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64); err == nil && p.at >= n {
			p.at = max(n-1, 0)
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.mute {
		return len(b), nil
	}
	if a.plan == nil {
		n, err := a.ResponseWriter.Write(b)
		a.sent += int64(n)
		return n, err
	}
	return a.writeFaulty(b)
}

// ReadFrom lets the kernel send files where nothing goes wrong.
func (a *answer) ReadFrom(r io.Reader) (int64, error) {
	a.WriteHeader(http.StatusOK)
	if to, ok := a.ResponseWriter.(io.ReaderFrom); ok && a.plan == nil && !a.mute {
		n, err := to.ReadFrom(r)
		a.sent += n
		return n, err
	}
	return io.Copy(struct{ io.Writer }{a}, r)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) writeFaulty(b []byte) (int, error) {
	p := a.plan
	hit := p.at >= a.sent && p.at < a.sent+int64(len(b))
	if !hit {
		n, err := a.ResponseWriter.Write(b)
		a.sent += int64(n)
		return n, err
	}
	i := int(p.at - a.sent)
	switch p.kind {
	case CorruptBody:
		// The content is shared with other answers: spoil a copy.
		b = append([]byte(nil), b...)
		b[i] ^= 0x01
	case CutBody, StallBody:
		n, err := a.ResponseWriter.Write(b[:i])
		a.sent += int64(n)
		if err != nil {
			return n, err
		}
		// Without a flush a short body would stay in the server's buffer.
		if err := http.NewResponseController(a.ResponseWriter).Flush(); err != nil {
			return n, err
		}
		if p.kind == StallBody {
			p.wait()
		}
		return n, errCut
	}
	n, err := a.ResponseWriter.Write(b)
	a.sent += int64(n)
	return n, err
}

// spoilChecksums changes the checksums of an answer so that they are well
// formed and wrong.
func spoilChecksums(h http.Header) {
	for name, values := range h {
		sum, ok := strings.CutPrefix(name, "X-Amz-Checksum-")
		if !ok || sum == "Type" || len(values) == 0 || values[0] == "" {
			continue
		}
		first := byte('A')
		if values[0][0] == first {
			first = 'B'
		}
		h.Set(name, string(first)+values[0][1:])
	}
}

// reset cuts the connection so that the client sees it reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		// The way net/http has for a handler to cut what it cannot hijack.
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Best effort: without it the client sees an EOF instead.
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
