package grouper

import (
	"bytes"

	"s3bundler/internal/inventory"
	"s3bundler/internal/object"
)

// Stats count what a run has seen and done.
type Stats struct {
	// Rows of the inventory. Each is either an object that went into a
	// manifest or counted by why it did not.
	Rows int64
	// Objects in manifests, and their Bytes.
	Objects, Bytes int64
	// Markers are delete markers, Excluded rows lie outside the prefix to
	// include, OtherClass rows are cold in an ordinary run, or warm in a
	// glacier run. A row counts once, in this order.
	Markers, Excluded, OtherClass int64
	// Written manifests, and those that were there already with the same
	// content.
	Written, Existing int64
	// Unsure manifests are those whose upload was cut short: it may have come
	// to its end.
	Unsure int64
	// Removed manifests of an earlier run that had more of them.
	Removed int64
	// Read of Size bytes of the inventory's data files are through.
	Read, Size int64
}

// Skipped counts the rows that are in no manifest.
func (s Stats) Skipped() int64 { return s.Markers + s.Excluded + s.OtherClass }

// filter decides which rows go into manifests, and counts all.
type filter struct {
	include []byte
	glacier bool
	stats   *Stats
	key     []byte // decoded; reused
}

// takes reports whether the row goes into a manifest.
func (f *filter) takes(row *inventory.Row) bool {
	f.stats.Rows++
	switch {
	case row.DeleteMarker:
		f.stats.Markers++
	case !f.included(row.Key):
		f.stats.Excluded++
	case isCold(row.StorageClass) != f.glacier:
		f.stats.OtherClass++
	default:
		f.stats.Objects++
		f.stats.Bytes += row.Size
		return true
	}
	return false
}

func (f *filter) included(encoded []byte) bool {
	if len(f.include) == 0 {
		return true
	}
	f.key = object.AppendDecodedKey(f.key[:0], encoded)
	return bytes.HasPrefix(f.key, f.include)
}

// isCold reports whether objects of the class must be restored before they can
// be read. Those of GLACIER_IR need not.
func isCold(class []byte) bool {
	return string(class) == "GLACIER" || string(class) == "DEEP_ARCHIVE"
}
