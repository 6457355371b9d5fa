package catalog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"sort"
)

// segment says where a sorted run of rows lies in the file: its blocks, one
// after the other, with a stripe of their signatures after every stripeBlocks
// and after the last; then the list of all that.
type segment struct {
	rows       int64
	offset     int64 // of the first block
	list       int64
	listLength int64
	blocks     int
}

func (s *segment) end() int64 { return s.list + s.listLength }

func (s *segment) append(dst []byte) []byte {
	for _, v := range []int64{s.rows, s.offset, s.list, s.listLength, int64(s.blocks)} {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	return dst
}

// mostOffset is beyond any file.
const mostOffset = 1 << 60

func decodeSegment(d *decoder) segment {
	var s segment
	for _, v := range []*int64{&s.rows, &s.offset, &s.list, &s.listLength} {
		n := d.uvarint()
		if n > mostOffset {
			d.fail()
		}
		*v = int64(n)
	}
	blocks := d.uvarint()
	if blocks > 1<<30 || s.list < s.offset {
		d.fail()
	}
	s.blocks = int(blocks)
	return s
}

// segmentWriter writes rows, which come sorted, as a segment.
type segmentWriter struct {
	w     *bufio.Writer
	codec *codec
	seg   segment
	at    int64

	block  blockWriter
	first  []byte // key of the block
	sealed []byte
	list   []byte
	widths []byte // of the stripes
	stripe stripe
}

// newSegmentWriter writes to w, which writes to the file from offset at on.
func newSegmentWriter(w io.Writer, at int64, c *codec) *segmentWriter {
	return &segmentWriter{w: bufio.NewWriterSize(w, 1<<20), codec: c, at: at, seg: segment{offset: at}}
}

func (s *segmentWriter) add(r *row) error {
	shared := 0
	if s.block.rows == 0 {
		s.first = append(s.first[:0], r.key...)
	} else {
		for shared < min(len(s.block.key), len(r.key)) && s.block.key[shared] == r.key[shared] {
			shared++
		}
	}
	s.stripe.add(r.key, shared)
	s.block.add(r)
	s.seg.rows++
	if s.block.rows == blockRows {
		return s.endBlock()
	}
	return nil
}

func (s *segmentWriter) endBlock() error {
	s.sealed = s.codec.seal(s.sealed[:0], s.block.plain)
	s.list = binary.AppendUvarint(s.list, uint64(len(s.sealed)))
	s.list = binary.AppendUvarint(s.list, uint64(s.block.rows))
	s.list = appendString(s.list, string(s.first))
	s.block.reset()
	s.seg.blocks++
	if err := s.write(s.sealed); err != nil {
		return err
	}
	if s.stripe.end() {
		return s.endStripe()
	}
	return nil
}

func (s *segmentWriter) endStripe() error {
	width := s.stripe.width()
	s.widths = append(s.widths, byte(width))
	encoded := s.stripe.encode(width)
	s.stripe = stripe{}
	return s.write(encoded)
}

func (s *segmentWriter) write(p []byte) error {
	n, err := s.w.Write(p)
	s.at += int64(n)
	return err
}

// close writes the list, and says where all of it is.
func (s *segmentWriter) close() (segment, error) {
	if s.block.rows > 0 {
		if err := s.endBlock(); err != nil {
			return segment{}, err
		}
	}
	if len(s.stripe.blocks) > 0 {
		if err := s.endStripe(); err != nil {
			return segment{}, err
		}
	}
	s.seg.list = s.at
	s.sealed = s.codec.seal(s.sealed[:0], append(s.list, s.widths...))
	s.seg.listLength = int64(len(s.sealed))
	if err := s.write(s.sealed); err != nil {
		return segment{}, err
	}
	return s.seg, s.w.Flush()
}

// blockAt says where a block lies and what its first key is.
type blockAt struct {
	offset, length int64
	rows           int
	first          []byte
}

// stripeAt says where a stripe lies, and how many slices it has.
type stripeAt struct {
	offset int64
	width  int
	blocks int
}

// contents is the list of a segment.
type contents struct {
	blocks  []blockAt
	stripes []stripeAt
}

// readList reads the list of a segment.
func (s *segment) readList(r io.ReaderAt, c *codec) (contents, error) {
	sealed, err := io.ReadAll(io.NewSectionReader(r, s.list, s.listLength))
	if err != nil {
		return contents{}, err
	}
	plain, err := c.unseal(nil, sealed)
	if err != nil {
		return contents{}, err
	}
	return s.decodeList(plain)
}

func (s *segment) decodeList(plain []byte) (contents, error) {
	if s.blocks > len(plain) {
		return contents{}, damaged("a list is too short")
	}
	d := decoder{b: plain}
	l := contents{blocks: make([]blockAt, s.blocks)}
	for i := range l.blocks {
		l.blocks[i] = blockAt{length: int64(d.uvarint()), rows: int(d.uvarint()), first: d.bytes()}
	}
	widths := d.b
	at := s.offset
	for i := range l.blocks {
		b := &l.blocks[i]
		b.offset = at
		at += b.length
		if b.length < 0 || b.length > s.list || b.rows < 0 || b.rows > blockRows || d.err != nil {
			return l, damaged("a block lies nowhere")
		}
		if n := i%stripeBlocks + 1; n == stripeBlocks || i == len(l.blocks)-1 {
			if len(widths) == 0 || widths[0] < leastBits || widths[0] > mostBits {
				return l, damaged("a stripe lies nowhere")
			}
			l.stripes = append(l.stripes, stripeAt{offset: at, width: int(widths[0]), blocks: n})
			at += int64(sliceLength(n)) << widths[0]
			widths = widths[1:]
		}
	}
	if at != s.list {
		return l, damaged("a list does not fit its blocks")
	}
	return l, nil
}

// unread is the error of a read: a file that is too short is a damaged one.
func unread(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return damaged("the file is too short")
	}
	return err
}

// within gives the numbers of the first block that may hold keys from, or
// beginning with, prefix, and of the first beyond.
func within(blocks []blockAt, prefix string) (from, to int) {
	p := []byte(prefix)
	// The key may stand in the block before the first that begins with it.
	from = sort.Search(len(blocks), func(i int) bool { return bytes.Compare(blocks[i].first, p) >= 0 })
	to = from + sort.Search(len(blocks)-from, func(i int) bool {
		first := blocks[from+i].first
		return bytes.Compare(first[:min(len(first), len(p))], p) > 0
	})
	return max(from-1, 0), to
}

// candidates marks the blocks that the signatures let through for all grams.
func (l *contents) candidates(r io.ReaderAt, grams []uint32) ([]byte, error) {
	var all []byte
	for _, s := range l.stripes {
		slice := make([]byte, sliceLength(s.blocks))
		n := len(slice) - sliceSum
		from := len(all)
		all = append(all, bytes.Repeat([]byte{0xFF}, n)...)
		for _, g := range grams {
			number := int64(g >> (32 - s.width))
			if _, err := r.ReadAt(slice, s.offset+number*int64(len(slice))); err != nil {
				return nil, unread(err)
			}
			if binary.LittleEndian.Uint32(slice[n:]) != crc32.Checksum(slice[:n], castagnoli) {
				return nil, damaged("a signature's checksum differs")
			}
			for i := range n {
				all[from+i] &= slice[i]
			}
		}
	}
	return all, nil
}
