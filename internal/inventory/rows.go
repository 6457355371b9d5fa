package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"s3bundler/internal/csvrow"
	"s3bundler/internal/fault"
)

// Row is one row of an inventory, as it stands there. A column that the
// inventory does not have is empty.
type Row struct {
	// Bucket and Key are never empty; the key is encoded.
	Bucket, Key []byte
	// Size is in bytes; 0 for a delete marker.
	Size                                        int64
	VersionID, ETag, LastModified, StorageClass []byte
	// DeleteMarker and NonCurrent are told by inventories of all versions.
	DeleteMarker, NonCurrent bool
}

// Rows yields the file's rows, whose columns are s, in order. It can be ranged
// over once. A row and its bytes are good until the next one; nothing is
// allocated for rows as S3 writes them.
//
// Rows are yielded before it is known whether the file is what the report
// says: only an end without an error vouches for them. The first error ends
// the rows. What is wrong with the whole file is told before what that led to:
// a failed fetch as it is, a wrong size or MD5 with kind Read, damaged gzip
// data with kind Compress, a row that does not fit the schema with kind Read.
func (r *Reading) Rows(s Schema) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		cells := csvrow.NewScanner(r.text)
		var row Row
		for {
			fields, err := cells.Next()
			if err == nil {
				if err = s.fill(&row, fields); err == nil {
					if !yield(&row, nil) {
						return
					}
					continue
				}
				err = &csvrow.RowError{Err: err}
			}
			if err == io.EOF {
				return
			}
			var bad *csvrow.RowError
			if errors.As(err, &bad) {
				where := fmt.Sprintf("%s line %d", r.file.Location, cells.Line())
				err = fault.New(fault.Read, "read inventory", where, bad.Err, hintAgain)
				if _, cause := io.Copy(io.Discard, r.text); cause != nil {
					err = cause
				}
			}
			yield(nil, err)
			return
		}
	}
}

// fill makes row of the fields.
func (s *Schema) fill(row *Row, fields [][]byte) error {
	if len(fields) != len(s.names) {
		return fmt.Errorf("the row has %d columns where the schema %q has %d", len(fields), s, len(s.names))
	}
	*row = Row{Bucket: fields[s.bucket], Key: fields[s.key]}
	if len(row.Bucket) == 0 || len(row.Key) == 0 {
		return errors.New("the row has no bucket or no key")
	}
	if s.isMarker >= 0 {
		row.DeleteMarker = isTrue(fields[s.isMarker])
	}
	if s.isLatest >= 0 {
		row.NonCurrent = !isTrue(fields[s.isLatest])
	}
	if s.versionID >= 0 {
		row.VersionID = fields[s.versionID]
	}
	if s.modified >= 0 {
		row.LastModified = fields[s.modified]
	}
	if s.etag >= 0 {
		row.ETag = fields[s.etag]
	}
	if s.class >= 0 {
		row.StorageClass = fields[s.class]
	}
	size := fields[s.size]
	if row.DeleteMarker && len(size) == 0 {
		return nil
	}
	var ok bool
	if row.Size, ok = parseSize(size); !ok {
		return fmt.Errorf("size %q is no number of bytes", size)
	}
	return nil
}

// parseSize reads decimal digits and nothing else. No object has more than 15.
func parseSize(digits []byte) (n int64, ok bool) {
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

func isTrue(field []byte) bool { return bytes.EqualFold(field, []byte("true")) }
