// Package manifest reads and writes the lists of objects that the grouper
// hands to the bundler, and names them.
package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"s3bundler/internal/csvrow"
	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// RowError says that one row of a manifest cannot be used. Its fault has kind
// Read and reason BadRow.
type RowError struct {
	// Line is where the row starts, from 1.
	Line int
	// Row is its text without the line break, as it stands, but no more than
	// its first 4 KiB.
	Row string
	// Bucket, Key, Size and VersionID are what the row has in those columns,
	// as far as it could be taken apart; of each no more than 4 KiB.
	Bucket, Key, Size, VersionID string
	// Err is what is wrong.
	Err error
}

// Error gives the line, what is wrong with it, and its start.
func (e *RowError) Error() string {
	row := e.Row
	if len(row) > 200 {
		row = row[:200] + "…"
	}
	return fmt.Sprintf("line %d: %v: %q", e.Line, e.Err, row)
}

// Unwrap gives the fault.
func (e *RowError) Unwrap() error { return e.Err }

// Read yields the objects of the manifest in r, whose columns are f; further
// columns of a row are passed over, blank lines skipped. The Size of an object
// is 0 if f has no such column, and -1 if f is that of dead letters, with a
// column Reason, and the row tells none. A row that cannot be
// used yields a *RowError with the zero Object, and the next row follows. If r
// fails, its error is the last thing yielded. Read does not close r.
//
// Objects may be kept; each is one allocation.
func Read(r io.Reader, f Fields) iter.Seq2[object.Object, error] {
	return func(yield func(object.Object, error) bool) {
		rd := rowReader{fields: f, rows: csvrow.NewScanner(r)}
		for {
			o, err := rd.next()
			if err == io.EOF {
				return
			}
			if !yield(o, err) {
				return
			}
			if err != nil && !isRowError(err) {
				return
			}
		}
	}
}

func isRowError(err error) bool {
	var bad *RowError
	return errors.As(err, &bad)
}

type rowReader struct {
	fields Fields
	rows   *csvrow.Scanner
	bucket string // of the last row: buckets repeat
	class  string // likewise
	text   []byte // of one row, reused
}

// span is a part of a row's text.
type span struct{ from, to int }

func (s span) of(text string) string { return text[s.from:s.to] }

func (rd *rowReader) next() (object.Object, error) {
	cells, err := rd.rows.Next()
	if err != nil {
		var bad *csvrow.RowError
		if errors.As(err, &bad) {
			err = rd.bad(csvrow.SplitBroken(rd.rows.Row()), bad.Err)
		}
		return object.Object{}, err
	}
	if len(cells) < rd.fields.needed {
		return object.Object{}, rd.bad(cells, fmt.Errorf("the row has %d of the %d columns %s",
			len(cells), rd.fields.needed, rd.fields))
	}
	o, err := rd.object(cells)
	if err != nil {
		return object.Object{}, rd.bad(cells, err)
	}
	return o, nil
}

// object makes an Object of the cells. Its strings are parts of one.
func (rd *rowReader) object(cells [][]byte) (o object.Object, err error) {
	text := rd.text[:0]
	var key, decoded, version, etag span
	add := func(s *span, cell []byte) {
		from := len(text)
		text = append(text, cell...)
		*s = span{from, len(text)}
	}
	for i, c := range rd.fields.columns[:rd.fields.needed] {
		cell := cells[i]
		switch c {
		case Bucket:
			o.Bucket = intern(&rd.bucket, cell)
		case Key:
			add(&key, cell)
			decoded = key
			if bytes.IndexByte(cell, '%') >= 0 || bytes.IndexByte(cell, '+') >= 0 {
				from := len(text)
				text = object.AppendDecodedKey(text, cell)
				decoded = span{from, len(text)}
			}
		case Size:
			if len(cell) == 0 && rd.fields.letters {
				o.Size = -1
			} else {
				o.Size, err = ParseSize(cell)
			}
		case VersionID:
			add(&version, cell)
		case ETag:
			add(&etag, bytes.Trim(cell, `"`))
		case LastModified:
			o.LastModified, err = parseTime(cell)
		case StorageClass:
			o.StorageClass = intern(&rd.class, cell)
		}
		if err != nil {
			return o, err
		}
	}
	rd.text = text
	all := string(text)
	o.EncodedKey, o.Key = key.of(all), decoded.of(all)
	o.VersionID, o.ETag = version.of(all), etag.of(all)
	return o, check(&o)
}

// check finds what no object can be called.
func check(o *object.Object) error {
	switch {
	case o.Bucket == "":
		return errors.New("the bucket is empty")
	case o.Key == "":
		return errors.New("the key is empty")
	case len(o.Key) > object.MaxKey:
		return errors.New("the key is longer than 1,024 bytes")
	case strings.ContainsFunc(o.Bucket, notInBuckets):
		return fmt.Errorf("%.40q is no bucket's name", o.Bucket)
	case len(o.Bucket) > maxName:
		return errors.New("the bucket's name is longer than 255 bytes")
	case len(o.VersionID) > object.MaxKey:
		return errors.New("the version ID is longer than 1,024 bytes")
	case len(o.ETag) > maxName || len(o.StorageClass) > maxName:
		return errors.New("the ETag or the storage class is longer than 255 bytes")
	}
	return nil
}

// notInBuckets are characters that stand in no bucket's name, not even in one
// of old, and would make another request of one for an object in it.
func notInBuckets(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("/\\?#%", r) }

// maxName is S3's limit in bytes for the bucket names of old; that for a version
// ID is a key's. Objects are held by thousands, so that rows beyond these must
// go no further.
const maxName = 255

// maxTold is how much of a bad row, and of a field of it, is told.
const maxTold = 4 << 10

func (rd *rowReader) bad(cells [][]byte, err error) *RowError {
	e := &RowError{
		Line: rd.rows.Line(),
		Row:  told(rd.rows.Row()),
		Err:  &fault.Error{Kind: fault.Read, Reason: fault.BadRow, Err: err},
	}
	for i, c := range rd.fields.columns[:min(len(cells), len(rd.fields.columns))] {
		switch c {
		case Bucket:
			e.Bucket = told(cells[i])
		case Key:
			e.Key = told(cells[i])
		case Size:
			e.Size = told(cells[i])
		case VersionID:
			e.VersionID = told(cells[i])
		}
	}
	return e
}

func told(text []byte) string { return string(text[:min(len(text), maxTold)]) }

// ParseSize reads a number of bytes: decimal digits and nothing else.
func ParseSize(digits []byte) (int64, error) {
	var n int64
	for _, c := range digits {
		if !isDigit(c) || n > (1<<63-1-9)/10 {
			return 0, fmt.Errorf("size %.40q is no number of bytes", digits)
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) == 0 {
		return 0, errors.New("the size is empty")
	}
	return n, nil
}

// parseTime reads S3 Inventory's timestamps and those of indexes and
// dead-letter lines. Empty is the zero time.
func parseTime(cell []byte) (time.Time, error) {
	if len(cell) == 0 {
		return time.Time{}, nil
	}
	text := string(cell)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t, err = time.Parse("2006-01-02 15:04:05Z07:00", text)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("%.40q is no date", text)
	}
	return t.UTC(), nil
}

// intern gives cell as a string, and last itself where they are equal.
func intern(last *string, cell []byte) string {
	if string(cell) != *last {
		*last = string(cell)
	}
	return *last
}
