package grouper

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/klauspost/compress/s2"

	"s3bundler/internal/fault"
	"s3bundler/internal/inventory"
	"s3bundler/internal/manifest"
)

// partSize is how much text of a manifest is kept as it is, in bytes. Ordinary
// manifests are shorter; of keys as long as S3 allows, 65,000 take 60 MiB.
const partSize = 4 << 20

// batch is the content of one manifest: first the parts, each compressed, then
// the text.
type batch struct {
	parts [][]byte
	text  []byte
	size  int // of all of it, decompressed
	rows  int
	bytes int64 // of the objects
}

// memory is how many bytes the batch takes.
func (b batch) memory() int {
	n := len(b.text)
	for _, p := range b.parts {
		n += len(p)
	}
	return n
}

// join returns the whole content, in buffer if that has room.
func (b batch) join(buffer []byte) ([]byte, error) {
	buffer = slices.Grow(buffer[:0], b.size+b.size/16) // the next may be a little longer
	for _, p := range b.parts {
		text, err := unpack(buffer[len(buffer):cap(buffer)], p)
		if err != nil {
			return nil, err
		}
		buffer = append(buffer, text...) // they are there already
	}
	return append(buffer, b.text...), nil
}

func unpack(buffer, part []byte) ([]byte, error) {
	text, err := s2.Decode(buffer, part)
	if err != nil {
		err = fault.New(fault.Compress, "decompress", "a manifest in memory", err, "run the same command again")
	}
	return text, err
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
	// Once full batches have more than packFrom bytes, they are kept compressed.
	packFrom int

	open    batch   // takes the next row
	full    []batch // until take
	held    int     // bytes of memory in full
	marked  batch   // what open was at the mark; full was empty
	longest int     // size of the longest batch so far
	scratch []byte
}

// add puts a row into the open batch.
func (g *grouping) add(row *inventory.Row) {
	b := &g.open
	if b.text == nil {
		b.text = g.buffer()
	}
	before := len(b.text)
	b.text = g.appendRow(b.text, row)
	b.size += len(b.text) - before
	b.rows++
	b.bytes += row.Size
	if b.rows >= g.maxRows || b.bytes >= g.maxBytes {
		g.cut()
	} else if len(b.text) >= partSize {
		g.pack(b)
	}
}

// cut ends the open batch, unless it is empty.
func (g *grouping) cut() {
	if g.open.rows == 0 {
		return
	}
	g.longest = max(g.longest, g.open.size)
	g.held += g.open.memory()
	g.full = append(g.full, g.open)
	g.open = batch{}
	if g.held <= g.packFrom {
		return
	}
	g.held = 0
	for i := range g.full {
		b := &g.full[i]
		if b.text != nil {
			g.pack(b)
			g.drop(b.text)
			b.text = nil
		}
		g.held += b.memory()
	}
}

// pack turns the text into a part.
func (g *grouping) pack(b *batch) {
	if len(b.text) > 0 {
		g.scratch = s2.Encode(g.scratch[:cap(g.scratch)], b.text)
		b.parts = append(b.parts, bytes.Clone(g.scratch))
		b.text = b.text[:0]
	}
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
func (g *grouping) rewind() error {
	grown := append(g.full, g.open)
	for _, b := range grown[1:] {
		g.drop(b.text)
	}
	g.full, g.held = nil, 0
	// The batch that was open at the mark has only grown since; its text may
	// have become the start of a part.
	g.open = g.marked
	text := grown[0].text
	if n := len(g.marked.parts); len(grown[0].parts) > n {
		g.drop(text)
		var err error
		if text, err = unpack(nil, grown[0].parts[n]); err != nil {
			return err
		}
	}
	g.open.text = text[:len(g.marked.text)]
	return nil
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
