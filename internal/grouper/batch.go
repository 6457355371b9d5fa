package grouper

import (
	"bytes"
	"strconv"

	"github.com/klauspost/compress/s2"

	"s3bundler/internal/fault"
	"s3bundler/internal/inventory"
	"s3bundler/internal/manifest"
)

// batch is the content of one manifest.
type batch struct {
	text  []byte // nil if it is packed
	rows  int
	bytes int64 // of the objects
	// packed is the text compressed, size its length.
	packed []byte
	size   int
}

// unpack gives the text of a packed batch, in buffer if it is large enough.
func (b batch) unpack(buffer []byte) ([]byte, error) {
	text, err := s2.Decode(buffer[:cap(buffer)], b.packed)
	if err != nil || len(text) != b.size {
		return nil, fault.New(fault.Compress, "decompress manifest", "in memory", err, "run the same command again")
	}
	return text, nil
}

// grouping cuts rows into batches, none of them empty. Rows since the last
// mark can be taken back.
type grouping struct {
	maxBytes int64
	maxRows  int
	columns  []manifest.Column
	// buffer gives an empty buffer for the text of a batch; drop takes one
	// back.
	buffer func() []byte
	drop   func([]byte)
	// packs says that batches may have to wait for long: their texts are kept
	// compressed, but for the first one, which a rewind needs.
	packs bool

	open    batch   // takes the next row
	full    []batch // until take
	held    int     // bytes of memory in full
	marked  batch   // what open was at the mark; full was empty
	scratch []byte
}

// add puts a row into the open batch.
func (g *grouping) add(row *inventory.Row) {
	b := &g.open
	if b.text == nil {
		b.text = g.buffer()
	}
	b.text = g.appendRow(b.text, row)
	b.rows++
	b.bytes += row.Size
	if b.rows >= g.maxRows || b.bytes >= g.maxBytes {
		g.cut()
	}
}

// cut ends the open batch, unless it is empty.
func (g *grouping) cut() {
	b := g.open
	if b.rows == 0 {
		return
	}
	b.size = len(b.text)
	if g.packs && len(g.full) > 0 {
		g.scratch = s2.Encode(g.scratch[:cap(g.scratch)], b.text)
		b.packed = bytes.Clone(g.scratch)
		g.drop(b.text)
		b.text = nil
	}
	g.full = append(g.full, b)
	g.held += len(b.text) + len(b.packed)
	g.open = batch{}
}

// take returns the full batches, in order, and makes a mark: their rows and
// those of the open batch stay.
func (g *grouping) take() []batch {
	full := g.full
	g.full, g.held = nil, 0
	g.marked = g.open
	return full
}

// rewind takes back all rows added since the last take.
func (g *grouping) rewind() {
	grown := append(g.full, g.open)
	for _, b := range grown[1:] {
		if b.text != nil {
			g.drop(b.text)
		}
	}
	// The batch that was open at the mark has only grown since.
	g.open = g.marked
	g.open.text = grown[0].text[:len(g.marked.text)]
	g.full, g.held = nil, 0
}

func (g *grouping) appendRow(dst []byte, row *inventory.Row) []byte {
	for i, c := range g.columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch c {
		case manifest.Bucket:
			dst = manifest.AppendField(dst, row.Bucket)
		case manifest.Key:
			dst = manifest.AppendField(dst, row.Key)
		case manifest.Size:
			dst = strconv.AppendInt(dst, row.Size, 10)
		case manifest.VersionID:
			dst = manifest.AppendField(dst, row.VersionID)
		case manifest.ETag:
			dst = manifest.AppendField(dst, row.ETag)
		case manifest.LastModified:
			dst = manifest.AppendField(dst, row.LastModified)
		}
	}
	return append(dst, '\n')
}
