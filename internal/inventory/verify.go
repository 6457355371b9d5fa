package inventory

import (
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"hash/maphash"
	"io"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// Verify reads the data file f from gz to its end. The error is nil only if
// size and MD5 are those of the report and every row fits the schema. A
// damaged file is told as such, whatever else its damage led to: the errors
// are those of Rows, and kind Read for a wrong size or MD5.
//
// The Seal lets another reading of the same file be trusted from its first
// byte on.
func Verify(gz io.Reader, f File, s Schema) (Seal, error) {
	sum := digest{md5: md5.New(), max: f.Size}
	sum.seal.at = f.Location
	sum.piece.SetSeed(maphash.MakeSeed())
	src := &source{r: io.TeeReader(gz, &sum)}
	var err error
	for _, e := range Rows(src, f.Location, s) {
		err = e
	}
	if src.err == nil {
		_, _ = io.Copy(io.Discard, src) // its error is in src
	}
	if src.err != nil && src.err != errTooLong {
		return Seal{}, src.err
	}
	if wrong := sum.compare(f); wrong != nil {
		return Seal{}, fault.New(fault.Read, "verify inventory", f.Location.String(), wrong, hintAgain)
	}
	if err != nil {
		return Seal{}, err
	}
	return sum.done(), nil
}

var errTooLong = errors.New("longer than reported")

// digest takes a data file in and sums it up.
type digest struct {
	md5   hash.Hash
	max   int64
	seal  Seal
	piece maphash.Hash // of the piece that is not full yet
	fill  int
}

func (d *digest) Write(p []byte) (int, error) {
	d.seal.size += int64(len(p))
	if d.seal.size > d.max {
		return 0, errTooLong
	}
	d.md5.Write(p)
	for rest := p; len(rest) > 0; {
		n := min(len(rest), pieceSize-d.fill)
		d.piece.Write(rest[:n])
		rest = rest[n:]
		if d.fill += n; d.fill == pieceSize {
			d.endPiece()
		}
	}
	return len(p), nil
}

func (d *digest) endPiece() {
	d.seal.pieces = append(d.seal.pieces, d.piece.Sum64())
	d.piece.Reset()
	d.fill = 0
}

func (d *digest) compare(f File) error {
	switch got := d.md5.Sum(nil); {
	case d.seal.size > f.Size:
		return fmt.Errorf("it has more than the %d bytes that the report gives it", f.Size)
	case d.seal.size < f.Size:
		return fmt.Errorf("it has %d bytes, and the report says %d", d.seal.size, f.Size)
	case [16]byte(got) != f.MD5:
		return fmt.Errorf("its MD5 is %x, and the report says %x", got, f.MD5)
	}
	return nil
}

func (d *digest) done() Seal {
	if d.fill > 0 {
		d.endPiece()
	}
	d.seal.seed = d.piece.Seed()
	return d.seal
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
