package catalog

import (
	"bytes"
	"cmp"
	"slices"
)

// sorter collects rows in memory, to sort them.
type sorter struct {
	text []byte // keys and versions
	rows []held
}

// held is a row whose key and version lie in a sorter's text.
type held struct {
	at             int
	key, version   uint16
	bucket, source uint32
	size, time     int64
}

const heldSize = 48

func (s *sorter) add(r *row) {
	s.rows = append(s.rows, held{
		at: len(s.text), key: uint16(len(r.key)), version: uint16(len(r.version)),
		bucket: r.bucket, source: r.source, size: r.size, time: r.time,
	})
	s.text = append(append(s.text, r.key...), r.version...)
}

// bytes is what it takes in memory.
func (s *sorter) bytes() int { return len(s.text) + len(s.rows)*heldSize }

func (s *sorter) reset() { s.text, s.rows = s.text[:0], s.rows[:0] }

func (s *sorter) keyOf(h *held) []byte { return s.text[h.at : h.at+int(h.key)] }

func (s *sorter) versionOf(h *held) []byte {
	return s.text[h.at+int(h.key) : h.at+int(h.key)+int(h.version)]
}

func (s *sorter) sort() {
	slices.SortFunc(s.rows, func(a, b held) int {
		if c := bytes.Compare(s.keyOf(&a), s.keyOf(&b)); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.bucket, b.bucket), bytes.Compare(s.versionOf(&a), s.versionOf(&b)), cmp.Compare(a.source, b.source))
	})
}

// each calls f with the rows in order.
func (s *sorter) each(f func(*row) error) error {
	for i := range s.rows {
		h := &s.rows[i]
		r := row{key: s.keyOf(h), version: s.versionOf(h), bucket: h.bucket, source: h.source, size: h.size, time: h.time}
		if err := f(&r); err != nil {
			return err
		}
	}
	return nil
}
