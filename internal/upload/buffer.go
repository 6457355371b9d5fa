package upload

import "sync/atomic"

// buffer holds a part until all who use it have released it: who fills it,
// then who sends it, and who may have to go back to it.
type buffer struct {
	b     []byte
	users atomic.Int32
}

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
	b.b = b.b[:0]
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
