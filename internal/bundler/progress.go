package bundler

import (
	"sync/atomic"

	"s3bundler/internal/fetch"
)

// Progress counts, over all bundles of a process, what is done so far.
type Progress struct {
	// Rows of manifests that became members, copies or dead letters.
	Rows atomic.Int64
	// Bytes of objects in archives and copies.
	Bytes atomic.Int64
	// Skipped rows, which became dead letters.
	Skipped atomic.Int64
	// ManifestBytes and ManifestRead tell how large the manifests are that
	// were begun, and how much of them was read.
	ManifestBytes, ManifestRead atomic.Int64
	// RowsRead counts the rows in what was read.
	RowsRead atomic.Int64
	// Fetch counts what reading the objects took.
	Fetch fetch.Stats
}

// Total estimates the rows of all manifests that were begun.
func (p *Progress) Total() int64 {
	read, rows := p.ManifestRead.Load(), p.RowsRead.Load()
	if read == 0 {
		return 0
	}
	return max(p.Rows.Load(), int64(float64(rows)*float64(p.ManifestBytes.Load())/float64(read)))
}
