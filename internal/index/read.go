package index

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"s3bundler/internal/archive"
	"s3bundler/internal/csvrow"
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
// is no row yields an error that names it and wraps ErrRow, and reading goes
// on; any other error ends it. Rows may share what they hold with each other.
func Read(r io.Reader) iter.Seq2[Row, error] { return read(r, (*parser).row) }

// ReadDeadLetters yields the lines of a dead-letter index, as Read does.
func ReadDeadLetters(r io.Reader) iter.Seq2[DeadLetter, error] {
	return read(r, (*parser).deadLetter)
}

// read yields what parse makes of the CSV records of r.
func read[T any](r io.Reader, parse func(*parser, [][]byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		s := csvrow.NewScanner(r)
		var p parser
		for {
			fields, err := s.Next()
			if err == io.EOF {
				return
			}
			var row T
			var bad *csvrow.RowError
			if err == nil {
				row, err = parse(&p, fields)
			} else if errors.As(err, &bad) {
				err = fmt.Errorf("%w: %v", ErrRow, err)
			}
			ends := err != nil && !errors.Is(err, ErrRow)
			if err != nil && !ends {
				err = fmt.Errorf("line %d: %w", s.Line(), err)
			}
			if !yield(row, err) || ends {
				return
			}
		}
	}
}

// parser reads the fields of rows. It remembers what one row often has in
// common with the next.
type parser struct {
	bucket   string
	day      string // YYYY-MM-DD
	midnight time.Time
	text     string // of headers
	headers  []object.Pair
	room     []byte
}

func (p *parser) deadLetter(f [][]byte) (DeadLetter, error) {
	if len(f) != 5 && len(f) != 6 {
		return DeadLetter{}, fmt.Errorf("%w: %d columns, want 5 or 6", ErrRow, len(f))
	}
	d := DeadLetter{Bucket: string(f[0]), Key: string(f[1]), Size: string(f[2]), Reason: fault.Reason(f[4])}
	if d.Versioned = len(f) == 6; d.Versioned {
		d.VersionID = string(f[5])
	}
	var err error
	d.LastModified, err = p.time(f[3])
	return d, err
}

func (p *parser) row(f [][]byte) (Row, error) {
	if len(f) == columns && isTags(f[6]) && isPlace(f[7:10]) {
		return p.fields(f)
	}
	if len(f) < originalColumns {
		return Row{}, fmt.Errorf("%w: %d columns, want %d or %d", ErrRow, len(f), originalColumns, columns)
	}
	// A row of the original: commas between the sixth column and the last are
	// the metadata's own.
	last := len(f) - 1
	metadata := bytes.Join(f[5:last], []byte(","))
	return p.fields(append(append(f[:5:5], metadata, f[last]), make([][]byte, columns-originalColumns)...))
}

// isTags reports whether column 7 can be ours: a run of metadata that a comma
// cut off the original's sixth column can not.
func isTags(s []byte) bool { return len(s) == 0 || bytes.HasPrefix(s, []byte("Key=")) }

// isPlace reports whether columns 8 to 10 can be ours.
func isPlace(f [][]byte) bool {
	for _, s := range f {
		for _, c := range s {
			if c < '0' || c > '9' {
				return false
			}
		}
	}
	return true
}

func (p *parser) fields(f [][]byte) (Row, error) {
	r := Row{Tags: parseTags(f[6])}
	var err error
	if r.Size, err = parseNumber(f[2]); err != nil {
		return Row{}, fmt.Errorf("%w: size %q", ErrRow, f[2])
	}
	if r.LastModified, err = p.time(f[3]); err != nil {
		return Row{}, err
	}
	if len(f[7]) > 0 {
		if r.Place, err = parsePlace(f[7:10]); err != nil {
			return Row{}, fmt.Errorf("%w: place %q", ErrRow, f[7:10])
		}
	}
	if string(f[0]) != p.bucket {
		p.bucket = string(f[0])
	}
	r.Bucket = p.bucket
	// One string serves for all that differ from row to row.
	sum := bytes.Trim(f[4], `"`)
	p.room = append(append(append(append(p.room[:0], f[1]...), sum...), f[10]...), f[11]...)
	text := string(p.room)
	r.Key, text = text[:len(f[1])], text[len(f[1]):]
	r.Checksum, text = text[:len(sum)], text[len(sum):]
	r.CRC64NVME, r.VersionID = text[:len(f[10])], text[len(f[10]):]
	r.Metadata = parsePairs(string(f[5]))
	if string(f[12]) != p.text {
		p.text = string(f[12])
		p.headers = parsePairs(p.text)
	}
	r.Headers = p.headers[:len(p.headers):len(p.headers)]
	return r, nil
}

// parseNumber reads a whole number that is not negative.
func parseNumber(s []byte) (int64, error) {
	if n := int64(0); len(s) > 0 && len(s) < 19 { // no overflow
		for _, c := range s {
			if c < '0' || c > '9' {
				return 0, strconv.ErrSyntax
			}
			n = n*10 + int64(c-'0')
		}
		return n, nil
	}
	n, err := strconv.ParseUint(string(s), 10, 63)
	return int64(n), err
}

func parsePlace(f [][]byte) (p *archive.Place, err error) {
	p = &archive.Place{BlockLength: -1}
	if p.Offset, err = parseNumber(f[0]); err == nil {
		if p.Block, err = parseNumber(f[1]); err == nil && len(f[2]) > 0 {
			p.BlockLength, err = parseNumber(f[2])
		}
	}
	return p, err
}

// time reads a time; an empty one is zero. Times of the day before are read
// without looking at it again.
func (p *parser) time(s []byte) (time.Time, error) {
	if len(s) == 0 {
		return time.Time{}, nil
	}
	if len(s) == len(TimeLayout) && string(s[:len(time.DateOnly)]) == p.day && string(s[len(time.DateTime):]) == "+00:00" {
		if clock, ok := parseClock(s[len(time.DateOnly):len(time.DateTime)]); ok {
			return p.midnight.Add(clock), nil
		}
	}
	t, err := time.Parse(TimeLayout, string(s))
	if err != nil {
		return t, fmt.Errorf("%w: time %q, want %s", ErrRow, s, TimeLayout)
	}
	t = t.UTC()
	p.midnight = time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	p.day = p.midnight.Format(time.DateOnly)
	return t, nil
}

// parseClock reads " 15:04:05".
func parseClock(s []byte) (d time.Duration, ok bool) {
	for i, limit := range []byte{24, 60, 60} {
		sep, tens, ones := s[3*i], s[3*i+1]-'0', s[3*i+2]-'0'
		n := tens*10 + ones
		if sep != " ::"[i] || tens > 9 || ones > 9 || n >= limit {
			return 0, false
		}
		d = d*60 + time.Duration(n)
	}
	return d * time.Second, true
}

// parseTags reads Key=k;Value=v;Key=k;Value=v.
func parseTags(s []byte) (tags []object.Tag) {
	for pairs := parsePairs(string(s)); len(pairs) >= 2; pairs = pairs[2:] {
		tags = append(tags, object.Tag{Key: pairs[0].Value, Value: pairs[1].Value})
	}
	return tags
}

// parsePairs reads name=value;name=value.
func parsePairs(s string) []object.Pair {
	if s == "" {
		return nil
	}
	pairs := make([]object.Pair, 0, strings.Count(s, ";")+1)
	for part := range strings.SplitSeq(s, ";") {
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, object.Pair{Name: unescape(name), Value: unescape(value)})
	}
	return pairs
}

// unescape undoes appendEscaped, and leaves other percent signs alone, for
// the original wrote them bare.
var unescape = strings.NewReplacer("%25", "%", "%3B", ";", "%3D", "=").Replace
