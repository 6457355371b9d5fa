package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"s3bundler/internal/fault"
)

// Summary is what a job has done, for the line it ends with.
type Summary struct {
	// Count units are done; Unit is their plural: "objects", "rows".
	Count int64
	Unit  string
	// Bytes of them.
	Bytes int64
	// More holds further counts in the order to print: {"manifests", 3}.
	More []Tally
	// DeadLetters counts by reason.
	DeadLetters map[fault.Reason]int64
	Elapsed     time.Duration
}

// Tally is a count with the plural of its unit.
type Tally struct {
	Unit  string
	Count int64
}

// String gives one line:
//
//	65,000 objects, 634.8 MiB, 3 archives, 2 dead letters (Glacier 1, NoSuchKey 1), 12.3 s
func (s Summary) String() string {
	parts := []string{counted(s.Count, s.Unit), size(s.Bytes)}
	for _, t := range s.More {
		parts = append(parts, counted(t.Count, t.Unit))
	}
	if s.DeadLetters != nil {
		var sum int64
		var by []string
		for _, r := range slices.Sorted(maps.Keys(s.DeadLetters)) {
			if n := s.DeadLetters[r]; n > 0 {
				sum += n
				by = append(by, string(r)+" "+count(n))
			}
		}
		letters := counted(sum, "dead letters")
		if sum > 0 {
			letters += " (" + strings.Join(by, ", ") + ")"
		}
		parts = append(parts, letters)
	}
	return strings.Join(append(parts, fmt.Sprintf("%.1f s", s.Elapsed.Seconds())), ", ")
}

// Summarize logs the line a job ends with.
func (c *Console) Summarize(s Summary) { c.Notice(s.String()) }

// Counted prints n with its unit: of one, or of many.
func Counted[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(int64(n)) + " " + many
}

// counted prints n with its unit, given as a plural: "rows", "big objects" or
// "rows outside the prefix".
func counted(n int64, plural string) string {
	one := strings.TrimSuffix(plural, "s")
	if noun, rest, ok := strings.Cut(plural, "s "); ok {
		one = noun + " " + rest
	}
	return Counted(n, one, plural)
}

// count prints n with commas between thousands.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size prints a number of bytes with a binary unit.
func size(n int64) string {
	f, units := float64(n), []string{"KiB", "MiB", "GiB", "TiB", "PiB"}
	if n < 1<<10 {
		return strconv.FormatInt(n, 10) + " B"
	}
	unit := ""
	for _, unit = range units {
		if f /= 1 << 10; f < 1<<10 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}
