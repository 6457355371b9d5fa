package cli

import "strings"

// Spelling is what the original's command lines hold that POSIX flags don't:
// its users' scripts go on working.
type Spelling struct {
	// Aliases maps a word to the one that is meant:
	// "-no-rr" to "--no-reduced-redundancy".
	Aliases map[string]string
	// Lists names the flags ("-f", "--fieldnames") that take all words up to
	// the next that starts with a dash: -f Bucket Key Size. They are joined by
	// commas.
	Lists []string
}

// Rewrite returns args as Main reads them. What follows "--" stays as it is.
func (s Spelling) Rewrite(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "--" {
			return append(out, args[i:]...)
		}
		if full, ok := s.Aliases[word]; ok {
			word = full
		}
		out = append(out, word)
		if !s.isList(word) {
			continue
		}
		var list []string
		for i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			i++
			list = append(list, strings.Trim(args[i], ","))
		}
		if list != nil {
			out = append(out, strings.Join(list, ","))
		}
	}
	return out
}

func (s Spelling) isList(word string) bool {
	for _, l := range s.Lists {
		if word == l {
			return true
		}
	}
	return false
}
