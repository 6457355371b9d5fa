package submit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// maxNamed bounds how many bad lines an error names.
const maxNamed = 10

// ReadReports reads the URIs of inventory reports, one a line. Blank lines are
// skipped, and spaces around a URI. If any line is no s3://bucket/key, or holds
// more than one, the error names the lines' numbers, and no report is returned.
// name is that of the input, for the error.
func ReadReports(r io.Reader, name string) ([]object.Location, error) {
	var reports []object.Location
	var bad []string
	var first error
	lines := bufio.NewScanner(r)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		l, err := parseReport(line)
		if err != nil {
			if first == nil {
				first = err
			}
			bad = append(bad, fmt.Sprint(n))
			continue
		}
		reports = append(reports, l)
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		bad = append(bad, fmt.Sprint(n+1))
		if first == nil {
			first = fmt.Errorf("longer than %d bytes", bufio.MaxScanTokenSize)
		}
	} else if err != nil {
		return nil, fault.New(fault.Read, "read", name, err, "")
	}
	if first == nil {
		return reports, nil
	}
	which := "line " + bad[0]
	if len(bad) > 1 {
		which = "lines " + strings.Join(bad[:min(len(bad), maxNamed)], ", ")
		first = fmt.Errorf("the first: %w", first)
	}
	if len(bad) > maxNamed {
		which += fmt.Sprintf(" and %d more", len(bad)-maxNamed)
	}
	return nil, fault.New(fault.Read, "read "+name, which, first, "nothing was submitted")
}

// parseReport reads one line. What other lists of URIs have between two of them
// must not become part of a key, although S3 would take it there.
func parseReport(line string) (object.Location, error) {
	l, err := object.ParseObjectURI(line)
	control := strings.IndexFunc(line, unicode.IsControl)
	switch {
	case err != nil:
		return l, err
	case !utf8.ValidString(line):
		return l, fmt.Errorf("%q is not UTF-8, as every key of S3 is", line)
	case control >= 0:
		r, _ := utf8.DecodeRuneInString(line[control:])
		return l, fmt.Errorf("%q holds the control character %q: write one URI a line and nothing else", line, r)
	case len(l.Key) > object.MaxKey:
		return l, fmt.Errorf("its key has %d bytes, and no key of S3 more than %d", len(l.Key), object.MaxKey)
	}
	return l, nil
}
