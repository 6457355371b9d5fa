package catalog

import (
	"bytes"
	"cmp"
	"encoding/binary"
)

// blockRows is how many rows a block holds: so few that finding one key costs
// little, so many that they compress well.
const blockRows = 2048

// row is one row of a segment. Its slices are good until the next one.
type row struct {
	key     []byte
	version []byte
	bucket  uint32 // number in the catalogue's list of buckets
	source  uint32 // number in its list of sources
	size    int64
	time    int64 // seconds since 1970; noTime if unknown
}

const noTime = -1 << 62

func (r *row) compare(s *row) int {
	return cmp.Or(bytes.Compare(r.key, s.key), cmp.Compare(r.bucket, s.bucket), bytes.Compare(r.version, s.version), cmp.Compare(r.source, s.source))
}

// blockWriter encodes rows, in order, as a block.
type blockWriter struct {
	plain []byte
	rows  int
	key   []byte // of the last row
	time  int64
}

func (b *blockWriter) add(r *row) {
	shared := 0
	for shared < min(len(b.key), len(r.key)) && b.key[shared] == r.key[shared] {
		shared++
	}
	b.plain = binary.AppendUvarint(b.plain, uint64(shared))
	b.plain = binary.AppendUvarint(b.plain, uint64(len(r.key)-shared))
	b.plain = append(b.plain, r.key[shared:]...)
	b.plain = binary.AppendUvarint(b.plain, uint64(r.bucket))
	b.plain = binary.AppendUvarint(b.plain, uint64(r.source))
	b.plain = binary.AppendUvarint(b.plain, uint64(r.size))
	b.plain = binary.AppendVarint(b.plain, r.time-b.time)
	b.plain = binary.AppendUvarint(b.plain, uint64(len(r.version)))
	b.plain = append(b.plain, r.version...)
	b.key = append(b.key[:shared], r.key[shared:]...)
	b.time = r.time
	b.rows++
}

func (b *blockWriter) reset() {
	b.plain, b.key, b.rows, b.time = b.plain[:0], b.key[:0], 0, 0
}

// blockReader decodes a block. row is the current one.
type blockReader struct {
	d    decoder
	left int
	row  row
}

func (b *blockReader) reset(plain []byte, rows int) {
	b.d = decoder{b: plain}
	b.left = rows
	b.row.key, b.row.time = b.row.key[:0], 0
}

// next decodes the next row; false at the end of the block or on an error.
func (b *blockReader) next() (bool, error) {
	if b.left == 0 {
		return false, nil
	}
	b.left--
	d, r := &b.d, &b.row
	shared := d.uvarint()
	suffix := d.bytes()
	if shared > uint64(len(r.key)) {
		d.fail()
		return false, d.err
	}
	r.key = append(r.key[:shared], suffix...)
	r.bucket = uint32(d.uvarint())
	r.source = uint32(d.uvarint())
	r.size = int64(d.uvarint())
	r.time += d.varint()
	r.version = d.bytes()
	return d.err == nil, d.err
}
