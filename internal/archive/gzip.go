package archive

import (
	"bytes"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/gzip"
)

const (
	// segmentSize is the tar bytes that one gzip member holds at most: enough
	// for the ratio of one long stream but for a percent or two, small enough
	// that all cores have one and that reading one object back costs little.
	segmentSize = 1 << 20
	// gzipLevel is klauspost/compress's fastest level whose output is within
	// 3 % of the size of "gzip -6"; level 6 takes half the time, and 4 to 6 %
	// more space.
	gzipLevel = 7
)

// gzipBlocks cuts the tar stream into segments, compresses several at once
// and writes them in order. A block ends at the first tar header after
// segmentSize bytes; a member longer than that makes a block of many segments.
// All but the compression itself runs in the Writer's goroutine.
type gzipBlocks struct {
	w      io.Writer
	placed func(Place)

	segment *segment   // being filled
	flight  []*segment // being compressed, oldest first
	ahead   int        // how many may be

	blockSize int64   // tar bytes in the current block so far
	members   []int64 // content offsets of the current block's members
	written   int64   // bytes given to w
	start     int64   // where the block being written starts in w
	marked    int64   // written at mark
	failed    error
}

// segment is the unit of compression.
type segment struct {
	raw  []byte
	out  bytes.Buffer
	done chan error // buffered: the compressing goroutine never waits
	// members is set on the last segment of a block.
	last    bool
	members []int64
}

var (
	segments = sync.Pool{New: func() any {
		return &segment{raw: make([]byte, 0, segmentSize), done: make(chan error, 1)}
	}}
	gzipWriters = sync.Pool{New: func() any {
		zw, err := gzip.NewWriterLevel(nil, gzipLevel)
		if err != nil { // only an unknown level makes one
			panic(err)
		}
		return zw
	}}
)

func newGzipBlocks(w io.Writer, placed func(Place)) *gzipBlocks {
	return &gzipBlocks{w: w, placed: placed, segment: newSegment(), ahead: runtime.GOMAXPROCS(0) + 1}
}

func newSegment() *segment {
	s := segments.Get().(*segment)
	s.raw, s.last, s.members = s.raw[:0], false, nil
	s.out.Reset()
	return s
}

func (g *gzipBlocks) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if g.failed != nil {
			return n - len(p), g.failed
		}
		if len(g.segment.raw) == segmentSize {
			g.flush(false)
			continue
		}
		k := min(segmentSize-len(g.segment.raw), len(p))
		g.segment.raw = append(g.segment.raw, p[:k]...)
		g.blockSize += int64(k)
		p = p[k:]
	}
	return n, g.failed
}

// WriteSummed is Write: it is the compressed bytes that are summed.
func (g *gzipBlocks) WriteSummed(p []byte, _ uint64) (int, error) { return g.Write(p) }

func (g *gzipBlocks) boundary() error {
	if g.blockSize >= segmentSize {
		g.flush(true)
	}
	return g.failed
}

func (g *gzipBlocks) offset() int64      { return g.blockSize }
func (g *gzipBlocks) begun(offset int64) { g.members = append(g.members, offset) }
func (g *gzipBlocks) committed()         {}

// mark ends the block and writes all there is.
func (g *gzipBlocks) mark() error {
	if g.blockSize > 0 {
		g.flush(true)
	}
	g.drain(0)
	g.marked = g.written
	return g.failed
}

func (g *gzipBlocks) rollback() {
	g.discard()
	g.segment.raw = g.segment.raw[:0]
	g.blockSize, g.members, g.failed = 0, nil, nil
	g.written, g.start = g.marked, g.marked
}

func (g *gzipBlocks) close() error {
	g.flush(true)
	g.drain(0)
	g.abandon()
	return g.failed
}

func (g *gzipBlocks) abandon() {
	g.discard()
	if g.segment != nil {
		segments.Put(g.segment)
		g.segment = nil
	}
}

// flush sends the segment to be compressed, and the block with it if it is
// the last one, and makes room by writing the oldest.
func (g *gzipBlocks) flush(last bool) {
	s := g.segment
	if last {
		s.last, s.members = true, g.members
		g.members, g.blockSize = nil, 0
	}
	g.flight = append(g.flight, s)
	go func() { s.done <- s.compress() }()
	g.segment = newSegment()
	g.drain(g.ahead)
}

// drain writes the oldest segments until at most keep are in flight.
func (g *gzipBlocks) drain(keep int) {
	for len(g.flight) > keep {
		s := g.flight[0]
		g.flight = g.flight[1:]
		err := <-s.done
		if err == nil && g.failed == nil {
			var n int
			n, err = g.w.Write(s.out.Bytes())
			g.written += int64(n)
		}
		if err != nil && g.failed == nil {
			g.failed = err
		}
		if s.last && g.failed == nil {
			for _, offset := range s.members {
				g.placed(Place{Offset: offset, Block: g.start, BlockLength: g.written - g.start})
			}
			g.start = g.written
		}
		segments.Put(s)
	}
}

// discard waits for the segments in flight and drops them.
func (g *gzipBlocks) discard() {
	for _, s := range g.flight {
		<-s.done
		segments.Put(s)
	}
	g.flight = nil
}

// compress makes one gzip member of the segment, without name or time, so
// that the same bytes give the same member.
func (s *segment) compress() error {
	zw := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(zw)
	zw.Reset(&s.out)
	if _, err := zw.Write(s.raw); err != nil {
		return err
	}
	return zw.Close()
}
