package grouper

import (
	"iter"
	"strconv"

	"s3bundler/internal/inventory"
	"s3bundler/internal/manifest"
)

// batch is the content of one manifest.
type batch struct {
	text  []byte
	rows  int
	bytes int64 // of the objects
}

// grouping cuts rows into batches.
type grouping struct {
	maxBytes int64
	maxRows  int
	columns  []manifest.Column
	// buffer gives an empty buffer for the text of a batch.
	buffer func() []byte
}

// batches yields the rows as batches, none of them empty, and ends with the
// first error: the rows before it that fill no batch are dropped. The text of
// a batch belongs to whom it is yielded.
func (g grouping) batches(rows iter.Seq2[*inventory.Row, error]) iter.Seq2[batch, error] {
	return func(yield func(batch, error) bool) {
		var b batch
		for row, err := range rows {
			if err != nil {
				yield(batch{}, err)
				return
			}
			if b.rows == 0 {
				b.text = g.buffer()
			}
			b.text = g.appendRow(b.text, row)
			b.rows++
			b.bytes += row.Size
			if b.rows >= g.maxRows || b.bytes >= g.maxBytes {
				if !yield(b, nil) {
					return
				}
				b = batch{}
			}
		}
		if b.rows > 0 {
			yield(b, nil)
		}
	}
}

func (g grouping) appendRow(dst []byte, row *inventory.Row) []byte {
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
