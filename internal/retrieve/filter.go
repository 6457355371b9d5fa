package retrieve

import (
	"strings"
	"time"

	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// Filter chooses rows. Its zero value chooses all.
type Filter struct {
	// Keys are patterns of which one must match; none lets every key through.
	Keys []object.Pattern
	// KeyPrefix is what the key begins with.
	KeyPrefix string
	// Bucket is the source bucket.
	Bucket    string
	VersionID string
	// MinSize and SizeBelow bound the size in bytes; a SizeBelow of 0 does not.
	MinSize, SizeBelow int64
	// From and Before bound the time of last modification; From is included.
	From, Before time.Time
}

// Match reports whether the row, whose decoded key is key, is chosen.
func (f *Filter) Match(row *index.Row, key string) bool {
	switch {
	case f.Bucket != "" && row.Bucket != f.Bucket,
		f.VersionID != "" && row.VersionID != f.VersionID,
		!strings.HasPrefix(key, f.KeyPrefix),
		row.Size < f.MinSize,
		f.SizeBelow > 0 && row.Size >= f.SizeBelow,
		!f.From.IsZero() && row.LastModified.Before(f.From),
		!f.Before.IsZero() && !row.LastModified.Before(f.Before):
		return false
	}
	for _, p := range f.Keys {
		if p.Match(key) {
			return true
		}
	}
	return len(f.Keys) == 0
}
