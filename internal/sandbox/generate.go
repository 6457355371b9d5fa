package sandbox

import (
	"encoding/binary"
	"io"
	"sync"
)

// Generated is content that is calculated from a seed and never stored. Any
// part of it can be had without what comes before. It is an io.ReaderAt and
// safe for concurrent use.
type Generated struct {
	// Size is in bytes.
	Size int64 `json:"size"`
	// Seed tells one content from another.
	Seed uint64 `json:"seed"`
	// Text makes lines that look like a log's and compress to about a fifth.
	// Otherwise the bytes do not compress at all.
	Text bool `json:"text,omitzero"`
}

// ReadAt reads as io.ReaderAt promises.
func (g Generated) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= g.Size {
		return 0, io.EOF
	}
	var err error
	if int64(len(p)) > g.Size-off {
		p, err = p[:g.Size-off], io.EOF
	}
	if g.Text {
		g.fillText(p, off)
	} else {
		g.fill(p, off)
	}
	return len(p), err
}

// golden is 2^64 over the golden ratio: splitmix64's step.
const golden = 0x9E3779B97F4A7C15

// fill is splitmix64: word i is mix(seed + i*golden).
func (g Generated) fill(p []byte, off int64) {
	word := uint64(off) / 8
	state := mix(g.Seed) + word*golden
	if skip := int(off % 8); skip > 0 {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], mix(state))
		p = p[copy(p, b[skip:]):]
		state += golden
	}
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, mix(state))
		p = p[8:]
		state += golden
	}
	if len(p) > 0 {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], mix(state))
		copy(p, b[:])
	}
}

// textLine is the length of every line of text, its newline included.
const textLine = 128

// fillText writes lines that each depend on seed and line number alone.
func (g Generated) fillText(p []byte, off int64) {
	var line [textLine]byte
	for len(p) > 0 {
		g.line(&line, uint64(off)/textLine)
		n := copy(p, line[off%textLine:])
		p = p[n:]
		off += int64(n)
	}
}

func (g Generated) line(b *[textLine]byte, n uint64) {
	const frame = "0000000000 host-000 \"GET /shop/item/00000000?ref=0000 HTTP/1.1\" 200 000000 \"Mozilla/5.0 (compatible; crawler; en-gb) like Gecko\""
	for i := range b {
		b[i] = ' '
	}
	copy(b[:textLine-1], frame)
	b[textLine-1] = '\n'
	random := mix(g.Seed ^ mix(n))
	for _, f := range [...]struct {
		at, digits int
		value      uint64
	}{{0, 10, n}, {16, 3, random % 40}, {36, 8, random >> 8 & 0xFFFFF}, {49, 4, random >> 40 % 7}, {69, 6, random >> 48}} {
		for i := f.at + f.digits - 1; i >= f.at; i-- {
			b[i] = byte('0' + f.value%10)
			f.value /= 10
		}
	}
}

func (g Generated) size() int64           { return g.Size }
func (g Generated) open() (reader, error) { return g, nil }

// Close is there for content that has something to close.
func (g Generated) Close() error { return nil }

func (g Generated) writeTo(w io.Writer, off, n int64) error {
	buf := transferBuffers.Get().(*[transferSize]byte)
	defer transferBuffers.Put(buf)
	for n > 0 {
		b := buf[:min(n, transferSize)]
		if _, err := g.ReadAt(b, off); err != nil && err != io.EOF {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		off += int64(len(b))
		n -= int64(len(b))
	}
	return nil
}

// transferSize is how many bytes move at once.
const transferSize = 128 << 10

// transferBuffers are *[transferSize]byte.
var transferBuffers = sync.Pool{New: func() any { return new([transferSize]byte) }}
