package csvrow

import "bytes"

// split appends the fields of an ordinary row to dst: each field either
// quoted without a quote inside, or without any quote at all. line has no
// line break at its end. ok is false for whatever is not ordinary; the fields
// are then worth nothing. The fields are parts of line.
func split(dst [][]byte, line []byte) (fields [][]byte, ok bool) {
	for {
		if len(line) > 0 && line[0] == '"' {
			end := bytes.IndexByte(line[1:], '"')
			if end < 0 {
				return dst, false
			}
			dst = append(dst, line[1:1+end])
			line = line[end+2:]
			if len(line) == 0 {
				return dst, true
			}
			if line[0] != ',' {
				return dst, false
			}
			line = line[1:]
			continue
		}
		end := bytes.IndexByte(line, ',')
		field := line
		if end >= 0 {
			field = line[:end]
		}
		if bytes.IndexByte(field, '"') >= 0 {
			return dst, false
		}
		dst = append(dst, field)
		if end < 0 {
			return dst, true
		}
		line = line[end+1:]
	}
}

// SplitBroken takes a row that is no CSV apart as a person would, to tell what
// it is about: a field in quotes ends with the first quote that a comma
// follows, or else at the first comma behind all quotes.
func SplitBroken(line []byte) (fields [][]byte) {
	for more := true; more; {
		var field []byte
		field, line, more = cutBroken(line)
		fields = append(fields, field)
	}
	return fields
}

func cutBroken(line []byte) (field, rest []byte, more bool) {
	line, quoted := bytes.CutPrefix(line, []byte{'"'})
	if !quoted {
		return bytes.Cut(line, []byte{','})
	}
	field, rest, more = bytes.Cut(line, []byte(`",`))
	if !more {
		quotes := bytes.LastIndexByte(line, '"') + 1
		field, rest, more = bytes.Cut(line[quotes:], []byte{','})
		field = bytes.TrimSuffix(line[:quotes+len(field)], []byte{'"'})
	}
	return bytes.ReplaceAll(field, []byte(`""`), []byte{'"'}), rest, more
}

// trimCR drops one carriage return from the end of a line.
func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
