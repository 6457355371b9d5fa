package catalog

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// A signature has some thousand bits for each block. Every run of three and of
// five bytes in a key of the block sets one of them, so that a block where the
// bit of any run of a pattern is missing holds no key that matches. The long
// runs tell keys apart that are made of digits alone.
//
// It is kept by bits, not by blocks: slice i has bit i of many blocks, and who
// looks for ten runs reads ten slices. A stripe has the slices of stripeBlocks
// blocks, and as many of them as are needed to leave most bits unset.
const (
	shortGram = 3
	longGram  = 5

	mostBits  = 16 // 2^16 slices
	leastBits = 10

	stripeBlocks = 8192
	signWords    = 1 << mostBits / 64
)

// gramHash is where the bit of a run is: its first bits are the slice's number.
func gramHash(run string) uint32 {
	h := uint64(len(run))
	for i := range len(run) {
		h = h<<8 | uint64(run[i])
	}
	return uint32(h * 0x9E3779B97F4A7C15 >> 32) // the golden ratio's multiplier spreads neighbours
}

// stripe collects the signatures of up to stripeBlocks blocks.
type stripe struct {
	blocks []*[signWords]uint64
	now    *[signWords]uint64
}

// add notes the runs of a key. Of a key whose first shared bytes are those of
// the one before it in the same block, only runs with a later byte are new.
func (s *stripe) add(key []byte, shared int) {
	if s.now == nil {
		s.now = new([signWords]uint64)
	}
	// The last longGram bytes, the newest lowest.
	window := uint64(0)
	from := max(0, shared-longGram+1)
	for i := from; i < len(key); i++ {
		window = window<<8 | uint64(key[i])
		if n := i - from + 1; n >= shortGram {
			s.set(window&(1<<(8*shortGram)-1) | shortGram<<(8*shortGram))
			if n >= longGram {
				s.set(window&(1<<(8*longGram)-1) | longGram<<(8*longGram))
			}
		}
	}
}

func (s *stripe) set(run uint64) {
	bit := uint32(run*0x9E3779B97F4A7C15>>32) >> (32 - mostBits)
	s.now[bit/64] |= 1 << (bit % 64)
}

// end ends a block, and reports whether the stripe is full.
func (s *stripe) end() bool {
	if s.now == nil {
		s.now = new([signWords]uint64)
	}
	s.blocks = append(s.blocks, s.now)
	s.now = nil
	return len(s.blocks) == stripeBlocks
}

// width is how many bits of the hash are worth keeping: as few as leave three
// of four bits unset.
func (s *stripe) width() int {
	var filled [mostBits + 1]int
	for _, b := range s.blocks {
		folded := *b
		for width := mostBits; ; width-- {
			n := 0
			for _, w := range folded[:1<<width/64] {
				n += bits.OnesCount64(w)
			}
			filled[width] += n
			if width == leastBits {
				break
			}
			fold(folded[:1<<width/64])
		}
	}
	for width := leastBits; width < mostBits; width++ {
		if filled[width]*4 <= len(s.blocks)<<width {
			return width
		}
	}
	return mostBits
}

// fold halves a signature: two neighbouring bits become one.
func fold(words []uint64) {
	for i := range len(words) / 2 {
		words[i] = pairs(words[2*i]) | pairs(words[2*i+1])<<32
	}
}

// pairs makes one bit of each two, as 32 bits.
func pairs(w uint64) uint64 {
	w = (w | w>>1) & 0x5555555555555555
	for _, step := range [...]struct {
		shift int
		mask  uint64
	}{{1, 0x3333333333333333}, {2, 0x0F0F0F0F0F0F0F0F}, {4, 0x00FF00FF00FF00FF}, {8, 0x0000FFFF0000FFFF}, {16, 0x00000000FFFFFFFF}} {
		w = (w | w>>step.shift) & step.mask
	}
	return w
}

// encode gives the slices, 2^width of them, one after the other.
func (s *stripe) encode(width int) []byte {
	length := sliceLength(len(s.blocks))
	out := make([]byte, length<<width)
	for block, words := range s.blocks {
		for w, word := range words {
			for word != 0 {
				bit := (w*64 + bits.TrailingZeros64(word)) >> (mostBits - width)
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

// sliceLength is the length of one slice in bytes, its checksum included.
func sliceLength(blocks int) int { return (blocks+7)/8 + sliceSum }

// sliceSum is the length of a checksum.
const sliceSum = 4

// gramsOf are the hashes of what a key with all these runs has; none if the
// runs are too short to tell anything.
func gramsOf(literals []string) []uint32 {
	seen := map[uint32]bool{}
	var grams []uint32
	for _, s := range literals {
		n := longGram
		if len(s) < longGram {
			n = shortGram
		}
		for i := 0; i+n <= len(s); i++ {
			if h := gramHash(s[i : i+n]); !seen[h] {
				seen[h] = true
				grams = append(grams, h)
			}
		}
	}
	return grams
}
