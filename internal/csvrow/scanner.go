// Package csvrow hands out the rows of a CSV stream as byte slices, without
// allocating for rows that are written the ordinary way.
package csvrow

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
)

// MaxRow is the longest row that is read, in bytes. An S3 key has at most
// 1,024 bytes, so nothing that describes an object comes near it.
const MaxRow = 1 << 20

const firstBuffer = 64 << 10

// Scanner reads rows. It agrees with encoding/csv on every input that
// encoding/csv reads without an error, and like it skips blank lines. Unlike
// it, it goes on with the next line after a row that is no CSV, and passes over
// a UTF-8 byte order mark at the start.
//
// A Scanner belongs to one goroutine.
type Scanner struct {
	r          io.Reader
	buf        []byte
	start, end int   // buf[start:end] is read and not yet handed out
	readErr    error // from r; comes after buf[start:end]
	begun      bool  // the start has been looked at
	line       int   // number of the line at start, from 1
	rowLine    int
	row        []byte
	fields     [][]byte
}

// NewScanner returns a Scanner of the rows of r.
func NewScanner(r io.Reader) *Scanner {
	return &Scanner{r: r, line: 1}
}

// Reset starts again with the rows of r and keeps the buffers.
func (s *Scanner) Reset(r io.Reader) {
	*s = Scanner{r: r, line: 1, buf: s.buf, fields: s.fields}
}

// RowError says that one row is no CSV. The next row can still be read.
type RowError struct{ Err error }

// Error gives the cause.
func (e *RowError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *RowError) Unwrap() error { return e.Err }

// Next returns the fields of the next row, good until the following call.
// The error is io.EOF after the last row, a *RowError for a row that is no
// CSV, and otherwise what the reader returned, which ends the rows too.
func (s *Scanner) Next() ([][]byte, error) {
	if !s.begun {
		s.begin()
	}
	for {
		at := bytes.IndexByte(s.buf[s.start:s.end], '\n')
		if at < 0 {
			if s.readErr == nil && s.end-s.start < MaxRow {
				s.fill()
				continue
			}
			return s.last()
		}
		line := trimCR(s.buf[s.start : s.start+at])
		if len(line) == 0 {
			s.skip(at + 1)
			continue
		}
		var ok bool
		if s.fields, ok = split(s.fields[:0], line); ok {
			s.row, s.rowLine = line, s.line
			s.start += at + 1
			s.line++
			return s.fields, nil
		}
		return s.unusual()
	}
}

// byteOrderMark is what some programs write in front of UTF-8.
const byteOrderMark = "\xef\xbb\xbf"

func (s *Scanner) begin() {
	s.begun = true
	for s.end < len(byteOrderMark) && s.readErr == nil {
		s.fill()
	}
	if bytes.HasPrefix(s.buf[:s.end], []byte(byteOrderMark)) {
		s.start = len(byteOrderMark)
	}
}

// Line is the number of the line on which the row of the last Next starts,
// from 1.
func (s *Scanner) Line() int { return s.rowLine }

// Row is the text of the row of the last Next without its line break, good
// until the following call. Of a row longer than MaxRow it is the start.
func (s *Scanner) Row() []byte { return s.row }

// last deals with a rest without a line break: the last row, or one that is
// too long.
func (s *Scanner) last() ([][]byte, error) {
	rest := s.buf[s.start:s.end]
	if s.readErr == nil {
		return s.tooLong()
	}
	if s.readErr != io.EOF {
		return nil, s.readErr
	}
	line := trimCR(rest)
	if len(line) == 0 {
		s.start = s.end
		return nil, io.EOF
	}
	var ok bool
	if s.fields, ok = split(s.fields[:0], line); !ok {
		return s.unusual()
	}
	s.row, s.rowLine = line, s.line
	s.start = s.end
	return s.fields, nil
}

// unusual reads the row at start with encoding/csv: it has a doubled quote, a
// line break in a field, or an error. After an error the next line follows.
func (s *Scanner) unusual() ([][]byte, error) {
	size, ok := s.rowEnd()
	if !ok && s.readErr != nil && s.readErr != io.EOF {
		return nil, s.readErr
	}
	text := s.buf[s.start : s.start+size]
	s.rowLine, s.row = s.line, trimCR(bytes.TrimSuffix(text, []byte("\n")))
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1
	record, err := r.Read()
	if err != nil {
		line, _, _ := bytes.Cut(text, []byte("\n"))
		s.row = trimCR(line)
		s.skip(min(size, len(line)+1))
		return nil, &RowError{inWords(err)}
	}
	s.fields = s.fields[:0]
	for _, f := range record {
		s.fields = append(s.fields, []byte(f))
	}
	s.skip(size)
	return s.fields, nil
}

// rowEnd finds how long the row at start is, its line break included: it ends
// with the first line up to which quotes come in pairs. ok is false, and the
// size that of one line, if there is no such line.
func (s *Scanner) rowEnd() (size int, ok bool) {
	quotes, seen := 0, 0
	for {
		part := s.buf[s.start+seen : s.end]
		at := bytes.IndexByte(part, '\n')
		switch {
		case at >= 0:
			part = part[:at+1]
		case s.readErr == nil && s.end-s.start < MaxRow:
			s.fill()
			continue
		}
		quotes += bytes.Count(part, []byte{'"'})
		seen += len(part)
		atEnd := at < 0 && s.readErr == io.EOF
		if quotes%2 == 0 && (at >= 0 || atEnd) {
			return seen, true
		}
		if at < 0 || seen >= MaxRow {
			break
		}
	}
	if at := bytes.IndexByte(s.buf[s.start:s.end], '\n'); at >= 0 {
		return at + 1, false
	}
	return s.end - s.start, false
}

// tooLong drops the rest of a line that is longer than MaxRow.
func (s *Scanner) tooLong() ([][]byte, error) {
	s.rowLine = s.line
	s.row = bytes.Clone(s.buf[s.start:min(s.start+4<<10, s.end)])
	for {
		if at := bytes.IndexByte(s.buf[s.start:s.end], '\n'); at >= 0 {
			s.skip(at + 1)
			break
		}
		s.start = s.end
		if s.readErr != nil {
			break
		}
		s.fill()
	}
	return nil, &RowError{errors.New("the row is longer than 1 MiB")}
}

// skip moves on by n bytes and counts their lines.
func (s *Scanner) skip(n int) {
	s.line += bytes.Count(s.buf[s.start:s.start+n], []byte("\n"))
	s.start += n
}

// fill reads more into buf, behind what is there. What Next handed out is
// lost.
func (s *Scanner) fill() {
	if s.start > 0 {
		copy(s.buf, s.buf[s.start:s.end])
		s.end -= s.start
		s.start = 0
	}
	if s.end == len(s.buf) {
		grown := make([]byte, max(firstBuffer, 2*len(s.buf)))
		copy(grown, s.buf[:s.end])
		s.buf = grown
	}
	for range 100 {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		s.readErr = err
		if n > 0 || err != nil {
			return
		}
	}
	s.readErr = io.ErrNoProgress
}

// inWords says what encoding/csv found, without its line numbers, which count
// from the start of the row.
func inWords(err error) error {
	switch {
	case errors.Is(err, csv.ErrBareQuote):
		return errors.New("a field that is not quoted holds a quote")
	case errors.Is(err, csv.ErrQuote):
		return errors.New("a quote is not closed, or text follows a closed one")
	}
	return err
}
