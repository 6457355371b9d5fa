package fetch

import (
	"math/bits"
	"sync"
)

const (
	// Chunk is the most that one request reads. Larger objects are read as
	// ranges of it, several at once.
	Chunk = 8 << 20
	// smallest is the size of the smallest buffer.
	smallest = 4 << 10
	// unlisted is what is reserved for an object whose list tells no size.
	unlisted = 64 << 10
)

// classes are the pools of buffers: 4 KiB, 6 KiB, 8 KiB, 12 KiB … 8 MiB.
var classes [2*11 + 1]sync.Pool

// classOf returns the pool for buffers of at least n bytes and their size.
func classOf(n int) (class, size int) {
	if n <= smallest {
		return 0, smallest
	}
	// The power of two below n, counted from smallest.
	e := bits.Len(uint(n-1)) - bits.Len(uint(smallest))
	base := smallest << e
	if n <= base+base/2 {
		return 2*e + 1, base + base/2
	}
	return 2*e + 2, 2 * base
}

func getBuffer(n int) *[]byte {
	class, size := classOf(n)
	if b, ok := classes[class].Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, size)
	return &b
}

func putBuffer(b *[]byte) {
	class, _ := classOf(len(*b))
	classes[class].Put(b)
}
