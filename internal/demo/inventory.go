package main

import (
	"slices"
	"strings"

	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
)

// takeInventory has the local S3 list the source bucket, and returns the URI
// of the inventory's manifest.json.
func (w *world) takeInventory() (string, error) {
	slices.SortStableFunc(w.objects, func(a, b planted) int { return strings.Compare(a.key, b.key) })
	rows := make([]sandbox.Listed, len(w.objects))
	for i, p := range w.objects {
		rows[i] = sandbox.Listed{Key: p.key, Size: int64(p.size), Modified: p.modified, ETag: p.etag, Class: p.class}
	}
	const files = 4
	report, err := w.server.DeliverInventory(object.Location{Bucket: inventoryBucket}, sourceBucket, files, rows)
	return report.String(), err
}

// deleteOne deletes an object that the inventory still lists.
func (w *world) deleteOne() error {
	return w.server.Delete(sourceBucket, deletedKey)
}
