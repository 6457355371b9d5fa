package object

import "bytes"

// Pattern is a key, or a glob that keys are held against: '*' stands for any
// run of characters, slashes included, '?' for any one. In a glob a backslash
// takes the next character for itself; what has neither '*' nor '?' outside a
// backslash's reach is a key, its backslashes included.
type Pattern struct {
	text string
	// runs are what stands between the '*' of a glob; nil for a key.
	runs []run
}

// run is a sequence of characters, some of which may be any.
type run struct {
	chars []byte
	any   []bool // of chars; nil if none is
}

// LiteralPattern is the pattern of one key, whatever characters it has.
func LiteralPattern(key string) Pattern { return Pattern{text: key} }

// ParsePattern reads a pattern. Every string is one.
func ParsePattern(s string) Pattern {
	runs := []run{{}}
	glob := false
	for i := 0; i < len(s); i++ {
		last := &runs[len(runs)-1]
		switch s[i] {
		case '*':
			glob = true
			runs = append(runs, run{})
		case '?':
			glob = true
			last.add('?', true)
		case '\\':
			if i+1 < len(s) {
				i++
			}
			last.add(s[i], false)
		default:
			last.add(s[i], false)
		}
	}
	if !glob {
		runs = nil
	}
	return Pattern{text: s, runs: runs}
}

func (r *run) add(c byte, any bool) {
	if any && r.any == nil {
		r.any = make([]bool, len(r.chars))
	}
	r.chars = append(r.chars, c)
	if r.any != nil {
		r.any = append(r.any, any)
	}
}

// String is the text the pattern was read from.
func (p Pattern) String() string { return p.text }

// Key returns the one key that the pattern stands for, if it is no glob.
func (p Pattern) Key() (key string, ok bool) { return p.text, p.runs == nil }

// Prefix is what every matching key begins with.
func (p Pattern) Prefix() string { return p.Literals()[0] }

// Literals are the runs of characters that a glob's keys hold, in their order;
// the first is where they begin, and may be empty. A key is its own only one.
func (p Pattern) Literals() []string {
	if p.runs == nil {
		return []string{p.text}
	}
	literals := []string{""}
	divide := func() {
		if len(literals) == 1 || literals[len(literals)-1] != "" {
			literals = append(literals, "")
		}
	}
	for i, r := range p.runs {
		if i > 0 {
			divide()
		}
		for k, c := range r.chars {
			if r.any != nil && r.any[k] {
				divide()
				continue
			}
			literals[len(literals)-1] += string([]byte{c})
		}
	}
	return literals
}

// Match reports whether key is the pattern's, or one of them.
func (p Pattern) Match(key string) bool {
	if p.runs == nil {
		return key == p.text
	}
	return p.MatchBytes([]byte(key))
}

// MatchBytes is Match for a key in a buffer.
func (p Pattern) MatchBytes(key []byte) bool {
	if p.runs == nil {
		return string(key) == p.text
	}
	first, last := p.runs[0], p.runs[len(p.runs)-1]
	at := first.matchAt(key, 0)
	if len(p.runs) == 1 || at < 0 {
		return at == len(key)
	}
	// Each run between is taken where it comes first: that leaves most for
	// those after it.
	for _, r := range p.runs[1 : len(p.runs)-1] {
		if at = r.find(key, at); at < 0 {
			return false
		}
	}
	return last.ends(key, at)
}

// matchAt returns where the run ends that begins at i; -1 if it does not.
func (r run) matchAt(key []byte, i int) int {
	if r.any == nil {
		if bytes.HasPrefix(key[i:], r.chars) {
			return i + len(r.chars)
		}
		return -1
	}
	for k, c := range r.chars {
		switch {
		case i >= len(key):
			return -1
		case r.any[k]:
			for i++; i < len(key) && key[i]&0xC0 == 0x80; i++ { // the rest of a UTF-8 character
			}
		case key[i] != c:
			return -1
		default:
			i++
		}
	}
	return i
}

// find returns where the run ends that begins first from i on; -1 if none does.
func (r run) find(key []byte, i int) int {
	if r.any == nil {
		n := bytes.Index(key[i:], r.chars)
		if n < 0 {
			return -1
		}
		return i + n + len(r.chars)
	}
	for ; i <= len(key); i++ {
		if end := r.matchAt(key, i); end >= 0 {
			return end
		}
	}
	return -1
}

// ends reports whether the run is what key ends with, from i on.
func (r run) ends(key []byte, i int) bool {
	if r.any == nil {
		return len(key)-i >= len(r.chars) && bytes.HasSuffix(key, r.chars)
	}
	for ; i <= len(key)-len(r.chars); i++ {
		if r.matchAt(key, i) == len(key) {
			return true
		}
	}
	return false
}
