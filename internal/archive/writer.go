package archive

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Place says where an object's bytes lie in an archive.
type Place struct {
	// Offset is that of the object's first byte in the decompressed block.
	Offset int64
	// Block is where the block starts in the archive object; 0 in a plain tar.
	Block int64
	// BlockLength is the block's length in the archive object; -1 in a plain
	// tar, whose one block reaches to the end.
	BlockLength int64
}

// Options are how an archive is written.
type Options struct {
	// Compress writes gzip blocks.
	Compress bool
	// Placed is called for each member that Commit has ended, in order, once
	// its place is known: at once in a plain tar, after its block is written
	// in a compressed one. It runs inside a method of the Writer.
	Placed func(Place)
}

// Writer writes one archive. It belongs to one goroutine at a time; the
// goroutines it starts for compression end with Close or Abandon.
//
// A member is written by Begin, Write for its content, and Commit. Between
// Mark and Commit it can be taken back with Rollback.
type Writer struct {
	out    blockWriter
	header []byte

	remaining int64 // content bytes the open member still owes
	size      int64
	open      bool
	err       error
}

// blockWriter is the tar stream's way out: plain or through gzip.
type blockWriter interface {
	io.Writer
	summedWriter
	// boundary says that a tar header comes next, so that a block may end here.
	boundary() error
	// offset is the number of bytes in the current block so far.
	offset() int64
	// begun is told the offset of the content of a member that has begun,
	// committed that the member is complete.
	begun(offset int64)
	committed()
	// mark flushes all that was written, so that a rollback can start here.
	mark() error
	rollback()
	close() error
	abandon()
}

// summedWriter takes bytes together with their CRC-64/NVME.
type summedWriter interface {
	WriteSummed(p []byte, crc uint64) (int, error)
}

// ErrLength is wrapped by the error for a member whose content is not as long
// as its header says.
var ErrLength = errors.New("member length differs from its header")

// NewWriter returns a Writer on w.
func NewWriter(w io.Writer, opt Options) *Writer {
	if opt.Placed == nil {
		opt.Placed = func(Place) {}
	}
	aw := &Writer{}
	if opt.Compress {
		aw.out = newGzipBlocks(w, opt.Placed)
	} else {
		aw.out = &plainBlock{w: w, placed: opt.Placed}
	}
	return aw
}

// Mark prepares for a Rollback to here: all earlier members are written to
// the underlying writer when it returns.
func (w *Writer) Mark() error { return w.fail(w.out.mark()) }

// Rollback forgets the member begun since Mark, also one that Write failed
// on. What the underlying writer got since Mark is the caller's to take back.
func (w *Writer) Rollback() {
	w.out.rollback()
	w.open, w.remaining, w.err = false, 0, nil
}

// Begin starts a member: a regular file of size bytes.
func (w *Writer) Begin(name string, size int64, mtime time.Time) error {
	if w.err != nil {
		return w.err
	}
	if w.open {
		return w.fail(errors.New("archive: Begin inside a member"))
	}
	if err := w.out.boundary(); err != nil {
		return w.fail(err)
	}
	w.header = AppendHeader(w.header[:0], name, size, mtime)
	if _, err := w.out.Write(w.header); err != nil {
		return w.fail(err)
	}
	w.open, w.size, w.remaining = true, size, size
	w.out.begun(w.out.offset())
	return nil
}

// Write adds content to the member.
func (w *Writer) Write(p []byte) (int, error) {
	return w.content(len(p), func() (int, error) { return w.out.Write(p) })
}

// WriteSummed is Write for content whose CRC-64/NVME is known to be crc. A
// plain archive hands it on to an underlying writer that has the method too.
func (w *Writer) WriteSummed(p []byte, crc uint64) (int, error) {
	return w.content(len(p), func() (int, error) { return w.out.WriteSummed(p, crc) })
}

// content has write add n bytes of content.
func (w *Writer) content(n int, write func() (int, error)) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if !w.open || int64(n) > w.remaining {
		return 0, w.fail(fmt.Errorf("archive: %w: more than %d bytes", ErrLength, w.size))
	}
	n, err := write()
	w.remaining -= int64(n)
	return n, w.fail(err)
}

// Commit ends the member.
func (w *Writer) Commit() error {
	if w.err != nil {
		return w.err
	}
	if !w.open || w.remaining != 0 {
		return w.fail(fmt.Errorf("archive: %w: %d of %d bytes missing", ErrLength, w.remaining, w.size))
	}
	w.open = false
	if pad := Padding(w.size); pad > 0 {
		if _, err := w.out.Write(zeros[:pad]); err != nil {
			return w.fail(err)
		}
	}
	w.out.committed()
	return nil
}

// Close writes the end of the archive and all that is still held.
func (w *Writer) Close() error {
	if w.err != nil {
		w.out.abandon()
		return w.err
	}
	if w.open {
		w.out.abandon()
		return w.fail(errors.New("archive: Close inside a member"))
	}
	if err := w.out.boundary(); err != nil {
		w.out.abandon()
		return w.fail(err)
	}
	if _, err := w.out.Write(zeros[:]); err != nil {
		w.out.abandon()
		return w.fail(err)
	}
	return w.fail(w.out.close())
}

// Abandon gives up the archive and waits for the goroutines of the Writer.
func (w *Writer) Abandon() { w.out.abandon() }

func (w *Writer) fail(err error) error {
	if err != nil && w.err == nil {
		w.err = err
	}
	return err
}

// plainBlock is a tar without compression: one block, of which all offsets
// count from the start of the file.
type plainBlock struct {
	w      io.Writer
	n      int64
	marked int64
	member int64
	placed func(Place)
}

func (p *plainBlock) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.n += int64(n)
	return n, err
}

func (p *plainBlock) WriteSummed(b []byte, crc uint64) (int, error) {
	summed, ok := p.w.(summedWriter)
	if !ok {
		return p.Write(b)
	}
	n, err := summed.WriteSummed(b, crc)
	p.n += int64(n)
	return n, err
}

func (p *plainBlock) boundary() error    { return nil }
func (p *plainBlock) offset() int64      { return p.n }
func (p *plainBlock) begun(offset int64) { p.member = offset }
func (p *plainBlock) committed()         { p.placed(Place{Offset: p.member, BlockLength: -1}) }
func (p *plainBlock) mark() error        { p.marked = p.n; return nil }
func (p *plainBlock) rollback()          { p.n = p.marked }
func (p *plainBlock) close() error       { return nil }
func (p *plainBlock) abandon()           {}
