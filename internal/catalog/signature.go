package catalog

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// A signature has signatureBits bits for each block. A run of three bytes in a
// key of the block sets one of them, so that a block where the bit of any run
// of a pattern is missing holds no key that matches.
//
// It is kept by bits, not by blocks: slice i has bit i of all blocks, and who
// looks for ten runs reads ten slices.
const (
	signatureBits = 8192
	gramLength    = 3
)

// gramBit is the bit of a run of three bytes.
func gramBit(a, b, c byte) uint32 {
	x := uint32(a) | uint32(b)<<8 | uint32(c)<<16
	x *= 0x9E3779B1 // the golden ratio's multiplier spreads neighbours
	return x >> (32 - 13)
}

// signatures collects the signatures of a segment's blocks.
type signatures struct {
	blocks [][]uint64 // signatureBits each
	now    []uint64
}

// add notes the runs of a key. Of a key that begins like the one before it in
// the same block, only what follows shared bytes is new.
func (s *signatures) add(key []byte, shared int) {
	if s.now == nil {
		s.now = make([]uint64, signatureBits/64)
	}
	for i := max(0, shared-gramLength+1); i+gramLength <= len(key); i++ {
		bit := gramBit(key[i], key[i+1], key[i+2])
		s.now[bit/64] |= 1 << (bit % 64)
	}
}

// end ends a block.
func (s *signatures) end() {
	if s.now == nil {
		s.now = make([]uint64, signatureBits/64)
	}
	s.blocks = append(s.blocks, s.now)
	s.now = nil
}

// sliceLength is the length of one slice in bytes, its checksum included.
func sliceLength(blocks int) int { return (blocks+7)/8 + sliceSum }

// sliceSum is the length of a checksum.
const sliceSum = 4

// slices gives the slices, each sliceLength long, one after the other.
func (s *signatures) slices() []byte {
	length := sliceLength(len(s.blocks))
	out := make([]byte, signatureBits*length)
	for block, words := range s.blocks {
		for w, word := range words {
			for word != 0 {
				bit := w*64 + bits.TrailingZeros64(word)
				word &= word - 1
				out[bit*length+block/8] |= 1 << (block % 8)
			}
		}
	}
	for at := 0; at < len(out); at += length {
		end := at + length - sliceSum
		binary.LittleEndian.PutUint32(out[end:], crc32.Checksum(out[at:end], castagnoli))
	}
	return out
}

// gramsOf are the bits that a key with all these runs has set; none if the
// runs are too short to tell anything.
func gramsOf(literals []string) []uint32 {
	seen := map[uint32]bool{}
	var grams []uint32
	for _, s := range literals {
		for i := 0; i+gramLength <= len(s); i++ {
			if bit := gramBit(s[i], s[i+1], s[i+2]); !seen[bit] {
				seen[bit] = true
				grams = append(grams, bit)
			}
		}
	}
	return grams
}
