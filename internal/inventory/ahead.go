package inventory

import (
	"context"
	"io"
)

// ahead is a reader whose bytes are produced by a goroutine of their own, in
// blocks, some of them before they are asked for. Its error is sticky.
type ahead struct {
	full chan []byte // closed by run
	free chan []byte // nil for a block not made yet
	err  error       // set before full is closed
	size int
	// block is being read; rest of it is not yet.
	block, rest []byte
}

func newAhead(blocks, size int) *ahead {
	a := &ahead{full: make(chan []byte, blocks), free: make(chan []byte, blocks), size: size}
	for range blocks {
		a.free <- nil
	}
	return a
}

// run reads r to its end, or to that of ctx. There is only one run.
func (a *ahead) run(ctx context.Context, r io.Reader) {
	defer close(a.full)
	for {
		var block []byte
		select {
		case block = <-a.free:
		case <-ctx.Done():
			a.err = context.Cause(ctx)
			return
		}
		if block == nil {
			block = make([]byte, a.size)
		}
		n, err := io.ReadFull(r, block[:a.size])
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		if n > 0 {
			a.full <- block[:n] // there is room for every block
		}
		if err != nil {
			a.err = err
			return
		}
	}
}

// Read reads what run has read.
func (a *ahead) Read(p []byte) (int, error) {
	if len(a.rest) == 0 {
		if a.block != nil {
			a.free <- a.block
			a.block = nil
		}
		block, ok := <-a.full
		if !ok {
			return 0, a.err
		}
		a.block, a.rest = block, block
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}
