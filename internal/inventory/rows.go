package inventory

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/klauspost/compress/gzip"

	"s3bundler/internal/csvrow"
	"s3bundler/internal/fault"
	"s3bundler/internal/object"
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

// Rows yields the rows of the data file at a location, read from gz, in order.
// A row and its bytes are good until the next one; nothing is allocated for
// rows as S3 writes them. The first error ends the rows: one of gz as it is,
// damaged gzip data with kind Compress, a row that does not fit the schema
// with kind Read. Rows does not close gz.
func Rows(gz io.Reader, at object.Location, s Schema) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		src := &source{r: gz}
		unzip, err := gzip.NewReader(bufio.NewReaderSize(src, 64<<10))
		if err != nil {
			yield(nil, src.judge(err, at))
			return
		}
		cells := csvrow.NewScanner(unzip)
		var row Row
		for {
			fields, err := cells.Next()
			if err == nil {
				err = s.fill(&row, fields)
				if err == nil {
					if !yield(&row, nil) {
						return
					}
					continue
				}
				err = &csvrow.RowError{Err: err}
			}
			var bad *csvrow.RowError
			switch {
			case err == io.EOF:
				return
			case errors.As(err, &bad):
				where := fmt.Sprintf("%s line %d", at, cells.Line())
				err = fault.New(fault.Read, "read inventory", where, bad.Err, hintAgain)
			default:
				err = src.judge(err, at)
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

// source remembers how reading the compressed bytes failed, to tell it from
// what is wrong with them.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// judge makes of an error of the decompressor the one to return.
func (s *source) judge(err error, at object.Location) error {
	switch {
	case s.err != nil:
		return s.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("the gzip data ends too soon")
	}
	return fault.New(fault.Compress, "decompress inventory", at.String(), err, hintAgain)
}
