package upload

import (
	"sync/atomic"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/object"
)

// sum is the CRC-64/NVME of a part. That of the whole object follows from its
// parts'.
type sum struct {
	crc  uint64
	size int64 // of the part in bytes
}

// buffer holds a part until all who use it have released it: who fills it,
// then who sends it, and who may have to go back to it.
type buffer struct {
	b     []byte
	crc   uint64 // CRC-64/NVME of b
	users atomic.Int32
}

// cached is how many bytes are copied and then summed, while they are still in
// the processor's cache.
const cached = 64 << 10

// add appends p, for which there must be room.
func (b *buffer) add(p []byte) {
	for len(p) > 0 {
		n := min(len(p), cached)
		b.b = append(b.b, p[:n]...)
		b.crc = crc64nvme.Update(b.crc, p[:n])
		p = p[n:]
	}
}

// addSummed is add for bytes with the sum crc.
func (b *buffer) addSummed(p []byte, crc uint64) {
	b.b = append(b.b, p...)
	b.crc = object.JoinCRC64NVME(b.crc, crc, int64(len(p)))
}

// cut leaves the first n bytes.
func (b *buffer) cut(n int) {
	b.b = b.b[:n]
	b.crc = crc64nvme.Checksum(b.b)
}

// sum is that of a part that is full.
func (b *buffer) sum() sum { return sum{b.crc, int64(len(b.b))} }

// buffer takes a free buffer for size bytes or makes one.
func (w *Writer) buffer(size int) *buffer {
	var b *buffer
	select {
	case b = <-w.free:
	default:
	}
	if b == nil || cap(b.b) < size {
		b = &buffer{b: make([]byte, 0, size)}
	}
	b.b, b.crc = b.b[:0], 0
	b.users.Store(1)
	return b
}

// release gives a buffer back for another part, when nobody else uses it.
func (w *Writer) release(b *buffer) {
	if b.users.Add(-1) > 0 {
		return
	}
	select {
	case w.free <- b:
	default:
	}
}

// content is what has been written of the part that is being filled.
func (w *Writer) content() []byte {
	if w.buf == nil {
		return nil
	}
	return w.buf.b
}
