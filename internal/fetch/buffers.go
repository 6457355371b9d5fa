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

// buffers are memory to read into, used again and again: new memory must be
// cleared, and a garbage collection would throw a sync.Pool's away, chunks of
// megabytes among them. In use and free together are never more than max
// bytes, if no more than max are in use. They are safe for concurrent use.
type buffers struct {
	max int64

	mu         sync.Mutex
	free       [2*11 + 1][][]byte // by class: 4 KiB, 6 KiB, 8 KiB, 12 KiB … 8 MiB
	kept, used int64              // bytes that are free and in use
}

// classOf returns the class of buffers of at least n bytes and their size.
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

// get gives a buffer of the size of n's class.
func (f *buffers) get(n int) []byte {
	class, size := classOf(n)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.used += int64(size)
	if free := f.free[class]; len(free) > 0 {
		b := free[len(free)-1] // the one that a processor may still have in its cache
		f.free[class] = free[:len(free)-1]
		f.kept -= int64(size)
		return b
	}
	f.shrink()
	return make([]byte, size)
}

// shrink gives free buffers up, the largest first, until max is kept.
func (f *buffers) shrink() {
	for class := len(f.free) - 1; class >= 0 && f.kept+f.used > f.max; class-- {
		for len(f.free[class]) > 0 && f.kept+f.used > f.max {
			last := len(f.free[class]) - 1
			f.kept -= int64(len(f.free[class][last]))
			f.free[class][last] = nil
			f.free[class] = f.free[class][:last]
		}
	}
}

// put takes a buffer back.
func (f *buffers) put(b []byte) {
	class, size := classOf(len(b))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.used -= int64(size)
	f.kept += int64(size)
	f.free[class] = append(f.free[class], b)
}
