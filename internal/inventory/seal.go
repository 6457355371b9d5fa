package inventory

import (
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"hash/maphash"
	"io"
	"sync/atomic"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// checkedReader reads a data file and ends with an error in place of io.EOF
// unless it was the file that the report names.
type checkedReader struct {
	r    io.Reader
	err  error // sticky
	file File
	md5  hash.Hash
	size atomic.Int64

	seal Seal
	sum  maphash.Hash // of the piece that is not full yet
	fill int
}

func (c *checkedReader) start(f File) {
	c.file, c.md5 = f, md5.New()
	c.seal = Seal{at: f.Location, seed: maphash.MakeSeed()}
	c.sum.SetSeed(c.seal.seed)
}

func (c *checkedReader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	c.add(p[:n])
	if err == io.EOF || c.size.Load() > c.file.Size {
		if wrong := c.compare(); wrong != nil {
			err = fault.New(fault.Read, "verify inventory", c.file.Location.String(), wrong, hintAgain)
		}
	}
	c.err = err
	return n, err
}

func (c *checkedReader) add(p []byte) {
	c.size.Add(int64(len(p)))
	c.md5.Write(p)
	for len(p) > 0 {
		n := min(len(p), pieceSize-c.fill)
		c.sum.Write(p[:n])
		p = p[n:]
		if c.fill += n; c.fill == pieceSize {
			c.endPiece()
		}
	}
}

func (c *checkedReader) endPiece() {
	c.seal.pieces = append(c.seal.pieces, c.sum.Sum64())
	c.sum.Reset()
	c.fill = 0
}

func (c *checkedReader) compare() error {
	size := c.size.Load()
	switch {
	case size > c.file.Size:
		return fmt.Errorf("it has more than the %d bytes that the report gives it", c.file.Size)
	case size < c.file.Size:
		return fmt.Errorf("it has %d bytes, and the report says %d", size, c.file.Size)
	}
	if sum := c.md5.Sum(nil); [md5.Size]byte(sum) != c.file.MD5 {
		return fmt.Errorf("its MD5 is %x, and the report says %x", sum, c.file.MD5)
	}
	return nil
}

func (c *checkedReader) done() Seal {
	if c.fill > 0 {
		c.endPiece()
	}
	c.seal.size = c.size.Load()
	return c.seal
}

// pieceSize is how much of a file is checked before any of it is handed out.
const pieceSize = 256 << 10

// Seal holds a data file's content to what was verified. It is good only in
// the process that made it.
type Seal struct {
	at     object.Location
	size   int64
	seed   maphash.Seed
	pieces []uint64
}

// Reader reads the file once more, from r. It hands out nothing that is not
// what was verified: the error for that has kind Download.
func (s Seal) Reader(r io.Reader) io.Reader {
	return &sealedReader{seal: s, r: r, buf: make([]byte, pieceSize)}
}

type sealedReader struct {
	seal Seal
	r    io.Reader
	buf  []byte
	rest []byte // of buf, checked
	next int    // number of the piece to come
}

func (s *sealedReader) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		if s.next == len(s.seal.pieces) {
			return 0, io.EOF
		}
		size := min(pieceSize, s.seal.size-int64(s.next)*pieceSize)
		n, err := io.ReadFull(s.r, s.buf[:size])
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return 0, err
		}
		if maphash.Bytes(s.seal.seed, s.buf[:n]) != s.seal.pieces[s.next] {
			return 0, fault.New(fault.Download, "read inventory", s.seal.at.String(),
				errors.New("it has changed since it was verified"), "run the same command again")
		}
		s.rest = s.buf[:n]
		s.next++
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
