package retrieve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/klauspost/compress/gzip"

	"s3bundler/internal/archive"
	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// tape is the tar stream of an archive on its way past: it counts its bytes,
// keeps those between contents, and knows where gzip members begin.
type tape struct {
	ctx context.Context
	st  store.Reader
	o   object.Object // the archive, pinned
	gz  bool

	body   io.ReadCloser
	in     *bufio.Reader
	inAt   int64 // offset in the archive of what in has taken from body
	z      *gzip.Reader
	inside bool // a gzip member

	offset int64 // in the tar stream
	aligns int64 // offset at which the tar's blocks begin
	raw    []byte
	keep   bool // bytes read go to raw, too

	bounds []bound // where gzip members began, the last keptBounds of them
}

// bound is a place where a gzip member begins or the last one ends.
type bound struct{ in, out int64 }

// keptBounds is how many bounds are remembered: those of the last 64 GiB.
const keptBounds = 64 << 10

// keptRaw bounds what is kept between two contents. A pax header with the
// longest key takes less than 4 KiB.
const keptRaw = 64 << 10

// streamError is an error of the archive's bytes, in.
type streamError struct {
	in  int64 // where the gzip member begins that it is in
	err error
}

func (e *streamError) Error() string { return e.err.Error() }
func (e *streamError) Unwrap() error { return e.err }

// openTape opens an archive from its start. Its end tells, too, if it is not
// what S3's checksum of it says.
func openTape(ctx context.Context, st store.Reader, a Archive) (*tape, error) {
	t := &tape{ctx: ctx, st: st, o: a.Object, gz: a.Compressed}
	body, attr, err := fetch.Stream(ctx, st, a.Object)
	if err != nil {
		return nil, err
	}
	if attr.ETag != a.Object.ETag {
		body.Close()
		return nil, &fault.Error{Reason: fault.Changed, Op: "read", Where: a.Object.Location().String(),
			Err: errors.New("it was replaced meanwhile")}
	}
	t.from(body, 0)
	return t, nil
}

func (t *tape) from(body io.ReadCloser, at int64) {
	t.body, t.inAt, t.inside = body, at, false
	t.in = bufio.NewReaderSize(counter{body, &t.inAt}, 256<<10)
}

// counter counts what is read from r.
type counter struct {
	r io.Reader
	n *int64
}

func (c counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}

// jump goes on at another offset of a compressed archive, where a gzip member
// begins.
func (t *tape) jump(in int64) error {
	t.body.Close()
	body, _, err := fetch.StreamRange(t.ctx, t.st, t.o, store.Range{Offset: in})
	if err != nil {
		return err
	}
	t.bounds, t.aligns = nil, t.offset
	t.from(body, in)
	return nil
}

func (t *tape) Close() error { return t.body.Close() }

// consumed is the offset in the archive of what comes next.
func (t *tape) consumed() int64 { return t.inAt - int64(t.in.Buffered()) }

func (t *tape) Read(p []byte) (int, error) {
	read := t.in.Read
	if t.gz {
		read = t.inflate
	}
	n, err := read(p)
	t.offset += int64(n)
	if t.keep && len(t.raw) < keptRaw {
		t.raw = append(t.raw, p[:n]...)
	}
	return n, err
}

// inflate reads from one gzip member after the other.
func (t *tape) inflate(p []byte) (int, error) {
	for {
		if !t.inside {
			if err := t.nextMember(); err != nil {
				return 0, err
			}
		}
		n, err := t.z.Read(p)
		if err == io.EOF {
			t.inside, err = false, nil
		}
		if err != nil {
			err = t.classify(err)
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (t *tape) nextMember() error {
	if len(t.bounds) == keptBounds {
		t.bounds = append(t.bounds[:0], t.bounds[keptBounds/2:]...)
	}
	t.bounds = append(t.bounds, bound{t.consumed(), t.offset})
	if _, err := t.in.Peek(1); err != nil {
		return err
	}
	var err error
	if t.z == nil {
		t.z, err = gzip.NewReader(t.in)
	} else {
		err = t.z.Reset(t.in)
	}
	if err != nil {
		return t.classify(err)
	}
	t.z.Multistream(false)
	t.inside = true
	return nil
}

// classify tells errors of the bytes from those of reading them.
func (t *tape) classify(err error) error {
	var known *fault.Error
	if errors.As(err, &known) || t.ctx.Err() != nil {
		return err
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return &streamError{t.bounds[len(t.bounds)-1].in, err}
}

// tarOffset is where the tar block at a place begins; ok is false if no gzip
// member is known to begin there.
func (t *tape) tarOffset(p *archive.Place) (offset int64, ok bool) {
	if !t.gz {
		return p.Offset, p.Block == 0 && p.BlockLength < 0
	}
	i := sort.Search(len(t.bounds), func(i int) bool { return t.bounds[i].in >= p.Block })
	if i == len(t.bounds) || t.bounds[i].in != p.Block {
		return 0, false
	}
	return t.bounds[i].out + p.Offset, true
}

// blockEnds are ends of blocks that rows have promised, to be looked at when
// the tape has come so far.
type blockEnds struct{ due []blockEnd }

type blockEnd struct {
	in     int64 // where the block must end in the archive
	least  int64 // what of the tar it must hold
	report func(detail string)
}

// expect adds the end of a row's block.
func (b *blockEnds) expect(e blockEnd) {
	if n := len(b.due); n > 0 && b.due[n-1].in == e.in {
		b.due[n-1].least = max(b.due[n-1].least, e.least)
		return
	}
	b.due = append(b.due, e)
}

// settle looks at the ends that the tape has passed, or at all of them.
func (b *blockEnds) settle(t *tape, all bool) {
	for len(b.due) > 0 && (all || b.due[0].in <= t.consumed() && !t.inside) {
		e := b.due[0]
		i := sort.Search(len(t.bounds), func(i int) bool { return t.bounds[i].in >= e.in })
		switch {
		case i == len(t.bounds) && !all:
			return // the member that begins there has not been read yet
		case i == len(t.bounds) || t.bounds[i].in != e.in:
			e.report(fmt.Sprintf("no gzip member ends at %d, where the index says that its block ends", e.in))
		case t.bounds[i].out < e.least:
			e.report(fmt.Sprintf("its block ends at %d, before the object does", e.in))
		}
		b.due = b.due[1:]
	}
}
