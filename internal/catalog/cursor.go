package catalog

import (
	"bytes"
	"container/heap"
	"io"
)

// cursor reads rows of one segment in order.
type cursor struct {
	f      io.ReaderAt
	codec  *codec
	blocks []blockAt // to read
	skip   []byte    // if set, those whose bit is unset are passed over
	number int       // of blocks[0], for skip

	// ahead is how many blocks are read from the file at once.
	ahead  int
	buf    []byte // sealed blocks, read ahead
	plain  []byte
	reader blockReader
}

// next goes to the next row, which is reader.row.
func (c *cursor) next() (bool, error) {
	for {
		ok, err := c.reader.next()
		if ok || err != nil {
			return ok, err
		}
		for c.skip != nil && len(c.blocks) > 0 && c.skip[c.number/8]&(1<<(c.number%8)) == 0 {
			c.blocks, c.number, c.buf = c.blocks[1:], c.number+1, nil
		}
		if len(c.blocks) == 0 {
			return false, nil
		}
		if err := c.load(); err != nil {
			return false, err
		}
	}
}

// load decodes the next block.
func (c *cursor) load() error {
	b := c.blocks[0]
	if int64(len(c.buf)) < b.length {
		n := int64(0)
		for i := 0; i < min(max(c.ahead, 1), len(c.blocks)) && c.blocks[i].offset == b.offset+n; i++ {
			n += c.blocks[i].length
		}
		c.buf = make([]byte, n)
		if _, err := c.f.ReadAt(c.buf, b.offset); err != nil {
			return unread(err)
		}
	}
	var err error
	if c.plain, err = c.codec.unseal(c.plain, c.buf[:b.length]); err != nil {
		return err
	}
	c.reader.reset(c.plain, b.rows)
	c.blocks, c.number, c.buf = c.blocks[1:], c.number+1, c.buf[b.length:]
	return nil
}

// merged reads the rows of several cursors in order.
type merged struct {
	heap    cursors
	started bool
}

// cursors are a heap by their current rows.
type cursors []*cursor

func (c cursors) Len() int           { return len(c) }
func (c cursors) Less(i, j int) bool { return c[i].reader.row.compare(&c[j].reader.row) < 0 }
func (c cursors) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }
func (c *cursors) Push(x any)        { *c = append(*c, x.(*cursor)) }
func (c *cursors) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

func newMerged(cs []*cursor) *merged { return &merged{heap: cs} }

// next gives the next row, good until the following call; nil at the end.
func (m *merged) next() (*row, error) {
	if !m.started {
		m.started = true
		kept := m.heap[:0]
		for _, c := range m.heap {
			ok, err := c.next()
			if err != nil {
				return nil, err
			}
			if ok {
				kept = append(kept, c)
			}
		}
		m.heap = kept
		heap.Init(&m.heap)
	} else if len(m.heap) > 0 {
		ok, err := m.heap[0].next()
		if err != nil {
			return nil, err
		}
		if ok {
			heap.Fix(&m.heap, 0)
		} else {
			heap.Pop(&m.heap)
		}
	}
	if len(m.heap) == 0 {
		return nil, nil
	}
	return &m.heap[0].reader.row, nil
}

// beginsAfter reports whether key lies beyond all that begin with prefix.
func beginsAfter(key []byte, prefix string) bool {
	return bytes.Compare(key[:min(len(key), len(prefix))], []byte(prefix)) > 0
}
