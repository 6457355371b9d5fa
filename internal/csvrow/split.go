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

// trimCR drops one carriage return from the end of a line.
func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
