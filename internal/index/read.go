package index

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"s3bundler/internal/archive"
	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

const (
	columns         = 13
	originalColumns = 7
)

// ErrRow is wrapped by the error for a line that is no row.
var ErrRow = errors.New("not an index row")

// Read yields the rows of an index, those of the original Amazon S3 Bundler
// too: seven columns, of which the metadata may hold bare commas. A line that
// is no row yields an error that wraps ErrRow, and reading goes on; any other
// error ends it.
func Read(r io.Reader) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for fields, err := range records(r) {
			var row Row
			if err == nil {
				row, err = parseRow(fields)
			}
			if !yield(row, err) || err != nil && !errors.Is(err, ErrRow) {
				return
			}
		}
	}
}

// ReadDeadLetters yields the lines of a dead-letter index, as Read does.
func ReadDeadLetters(r io.Reader) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		for f, err := range records(r) {
			var d DeadLetter
			switch {
			case err != nil:
			case len(f) != 5:
				err = fmt.Errorf("%w: %d columns, want 5", ErrRow, len(f))
			default:
				d = DeadLetter{Bucket: f[0], Key: f[1], Size: f[2], Reason: fault.Reason(f[4])}
				d.LastModified, err = parseTime(f[3])
			}
			if !yield(d, err) || err != nil && !errors.Is(err, ErrRow) {
				return
			}
		}
	}
}

// records yields the CSV records of r; errors name the line.
func records(r io.Reader) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		cr := csv.NewReader(r)
		cr.FieldsPerRecord = -1
		for {
			fields, err := cr.Read()
			if err == io.EOF {
				return
			}
			var bad *csv.ParseError
			if errors.As(err, &bad) {
				err = fmt.Errorf("%w: %v", ErrRow, err)
			}
			if !yield(fields, err) {
				return
			}
		}
	}
}

func parseRow(f []string) (Row, error) {
	if len(f) == columns && isTags(f[6]) && isPlace(f[7:10]) {
		return parseFields(f)
	}
	if len(f) < originalColumns {
		return Row{}, fmt.Errorf("%w: %d columns, want %d or %d", ErrRow, len(f), originalColumns, columns)
	}
	// A row of the original: commas between the sixth column and the last are
	// the metadata's own.
	last := len(f) - 1
	metadata := strings.Join(f[5:last], ",")
	return parseFields(append(append(f[:5:5], metadata, f[last]), make([]string, columns-originalColumns)...))
}

// isTags reports whether column 7 can be ours: a run of metadata that a comma
// cut off the original's sixth column can not.
func isTags(s string) bool { return s == "" || strings.HasPrefix(s, "Key=") }

// isPlace reports whether columns 8 to 10 can be ours.
func isPlace(f []string) bool {
	for _, s := range f {
		if strings.Trim(s, "0123456789") != "" {
			return false
		}
	}
	return true
}

func parseFields(f []string) (Row, error) {
	r := Row{Bucket: f[0], Key: f[1], Checksum: strings.Trim(f[4], `"`), CRC64NVME: f[10], VersionID: f[11]}
	var err error
	if r.Size, err = parseNumber(f[2]); err != nil {
		return Row{}, fmt.Errorf("%w: size %q", ErrRow, f[2])
	}
	if r.LastModified, err = parseTime(f[3]); err != nil {
		return Row{}, err
	}
	r.Metadata = parsePairs(f[5])
	for pairs := parsePairs(f[6]); len(pairs) >= 2; pairs = pairs[2:] {
		r.Tags = append(r.Tags, object.Tag{Key: pairs[0].Value, Value: pairs[1].Value})
	}
	r.Headers = parsePairs(f[12])
	if f[7] == "" {
		return r, nil
	}
	p := &archive.Place{BlockLength: -1}
	if p.Offset, err = parseNumber(f[7]); err == nil {
		if p.Block, err = parseNumber(f[8]); err == nil && f[9] != "" {
			p.BlockLength, err = parseNumber(f[9])
		}
	}
	if err != nil {
		return Row{}, fmt.Errorf("%w: place %q", ErrRow, f[7:10])
	}
	r.Place = p
	return r, nil
}

// parseNumber reads a whole number that is not negative.
func parseNumber(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(TimeLayout, s)
	if err != nil {
		return t, fmt.Errorf("%w: time %q, want %s", ErrRow, s, TimeLayout)
	}
	return t.UTC(), nil
}

// parsePairs reads name=value;name=value.
func parsePairs(s string) []object.Pair {
	if s == "" {
		return nil
	}
	var pairs []object.Pair
	for part := range strings.SplitSeq(s, ";") {
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, object.Pair{Name: unescape(name), Value: unescape(value)})
	}
	return pairs
}

// unescape undoes appendEscaped, and leaves other percent signs alone, for
// the original wrote them bare.
var unescape = strings.NewReplacer("%25", "%", "%3B", ";", "%3D", "=").Replace
