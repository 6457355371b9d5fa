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
// after the other, then the list of blocks, then the signature's slices.
type segment struct {
	rows   int64
	offset int64 // of the first block
	// list and its length: for each block its length, rows and first key.
	list, listLength int64
	slices           int64 // offset; they have signatureBits times sliceLength(blocks)
	blocks           int
	end              int64
}

func (s *segment) append(dst []byte) []byte {
	for _, v := range []int64{s.rows, s.offset, s.list, s.listLength, s.slices, int64(s.blocks), s.end} {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	return dst
}

func decodeSegment(d *decoder) segment {
	var s segment
	for _, v := range []*int64{&s.rows, &s.offset, &s.list, &s.listLength, &s.slices} {
		*v = int64(d.uvarint())
	}
	s.blocks = int(d.uvarint())
	s.end = int64(d.uvarint())
	slices := int64(signatureBits) * int64(sliceLength(s.blocks))
	if d.err == nil && (s.offset < 0 || s.list < s.offset || s.listLength < 0 || s.slices != s.list+s.listLength ||
		s.blocks < 0 || s.blocks > 1<<30 || s.end != s.slices+slices || s.end < s.slices) {
		d.err = damaged("a segment lies nowhere")
	}
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
	sign   signatures
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
	s.sign.add(r.key, shared)
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
	s.sign.end()
	s.block.reset()
	s.seg.blocks++
	s.at += int64(len(s.sealed))
	_, err := s.w.Write(s.sealed)
	return err
}

// close writes the list and the slices, and says where all of it is.
func (s *segmentWriter) close() (segment, error) {
	if s.block.rows > 0 {
		if err := s.endBlock(); err != nil {
			return segment{}, err
		}
	}
	s.seg.list = s.at
	s.sealed = s.codec.seal(s.sealed[:0], s.list)
	s.seg.listLength = int64(len(s.sealed))
	s.seg.slices = s.seg.list + s.seg.listLength
	if _, err := s.w.Write(s.sealed); err != nil {
		return segment{}, err
	}
	slices := s.sign.slices()
	if _, err := s.w.Write(slices); err != nil {
		return segment{}, err
	}
	s.seg.end = s.seg.slices + int64(len(slices))
	return s.seg, s.w.Flush()
}

// blockAt says where a block lies and what its first key is.
type blockAt struct {
	offset, length int64
	rows           int
	first          []byte
}

// readList reads the list of a segment's blocks.
func (s *segment) readList(r io.ReaderAt, c *codec) ([]blockAt, error) {
	if s.blocks == 0 {
		return nil, nil
	}
	sealed := make([]byte, s.listLength)
	if _, err := r.ReadAt(sealed, s.list); err != nil {
		return nil, unread(err)
	}
	plain, err := c.unseal(nil, sealed)
	if err != nil {
		return nil, err
	}
	d := decoder{b: plain}
	if s.blocks > len(plain) {
		return nil, damaged("a list is too short")
	}
	blocks := make([]blockAt, s.blocks)
	at := s.offset
	for i := range blocks {
		b := blockAt{offset: at, length: int64(d.uvarint()), rows: int(d.uvarint()), first: d.bytes()}
		if b.length < 0 || b.length > s.list-at || b.rows < 0 || b.rows > blockRows {
			d.fail()
		}
		if d.err != nil {
			return nil, d.err
		}
		at += b.length
		blocks[i] = b
	}
	return blocks, nil
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

// candidates marks the blocks that the signature lets through for all grams.
func (s *segment) candidates(r io.ReaderAt, grams []uint32) ([]byte, error) {
	length := sliceLength(s.blocks)
	slice := make([]byte, length)
	all := make([]byte, length-sliceSum)
	for i := range all {
		all[i] = 0xFF
	}
	for _, g := range grams {
		if _, err := r.ReadAt(slice, s.slices+int64(g)*int64(length)); err != nil {
			return nil, unread(err)
		}
		if binary.LittleEndian.Uint32(slice[len(all):]) != crc32.Checksum(slice[:len(all)], castagnoli) {
			return nil, damaged("a signature's checksum differs")
		}
		for i := range all {
			all[i] &= slice[i]
		}
	}
	return all, nil
}
