package index

import (
	"strconv"
	"time"

	"s3bundler/internal/fault"
)

// DeadLetter is one line of a dead-letter index: an object that is in no
// archive. It is also a row of a manifest with the fields Bucket, Key, Size,
// LastModifiedDate, Reason and, if it tells versions, VersionId.
type DeadLetter struct {
	Bucket string
	// Key is as in the manifest, encoded.
	Key string
	// Size is as in the manifest, whatever stands there.
	Size string
	// LastModified is zero if it was never learnt.
	LastModified time.Time
	Reason       fault.Reason
	// Versioned says that the manifest tells versions. Then the line has a
	// sixth column, the VersionID.
	Versioned bool
	VersionID string
}

// Append appends the dead letter as one line.
func (d *DeadLetter) Append(dst []byte) []byte {
	dst = appendField(dst, d.Bucket)
	dst = append(dst, ',')
	dst = appendField(dst, d.Key)
	dst = append(dst, ',')
	dst = appendField(dst, d.Size)
	dst = append(dst, ',')
	dst = appendTime(dst, d.LastModified)
	dst = append(dst, ',')
	dst = appendField(dst, string(d.Reason))
	if d.Versioned {
		dst = append(dst, ',')
		dst = appendField(dst, d.VersionID)
	}
	return append(dst, '\n')
}

// FormatSize writes a size as a manifest does.
func FormatSize(n int64) string { return strconv.FormatInt(n, 10) }
