package status

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Text gives the report as lines for a terminal, most of them a name and its
// figures.
func (r *Report) Text() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-19s %s\n", name, fmt.Sprintf(format, args...))
	}
	about := about(r.Estimated)
	line("manifests", "%s of %s archived (%s), %s left", count(r.Count.Done), count(r.Count.Total), percent(r.Count.Fraction()), count(r.Count.Left))
	line("objects", "%s%s done, %s left", about, count(r.Objects.Done), count(r.Objects.Left))
	line("bytes", "%s%s done, %s left", about, size(r.Bytes.Done), size(r.Bytes.Left))
	line("archives", "%s", size(r.ArchiveBytes))
	if q := r.Queue; q != nil {
		line("queue "+q.Name, "%s waiting, %s in work", count(int64(q.Waiting)), count(int64(q.InWork)))
		if d := q.DeadLetterQueue; d != nil {
			line("dead-letter queue", "%s in %s", count(int64(d.Messages)), d.Name)
		}
	}
	line("dead letters", "%s", r.letters())
	if t := r.Rate; t != nil {
		line("rate", "%s%s objects/s, %s/s over %s", about, perSecond(t.Objects), size(int64(t.Bytes)), span(t.Over))
		if t.Left > 0 {
			line("time left", "about %s, until %s UTC", span(t.Left), r.At.Add(t.Left).UTC().Format(time.DateTime))
		}
	}
	if len(r.Damaged) > 0 {
		b.WriteString("\nto be archived again:\n")
		const most = 10
		for i, d := range r.Damaged {
			if i == most {
				fmt.Fprintf(&b, "  and %s more\n", count(int64(len(r.Damaged)-most)))
				break
			}
			fmt.Fprintf(&b, "  %s: %s\n", plain(d.Manifest), d.Why)
		}
	}
	if len(r.Slowest) > 0 {
		b.WriteString("\nslowest:\n")
		for _, s := range r.Slowest {
			fmt.Fprintf(&b, "  %10s  %s%s objects, %s  %s\n", span(s.Took), about, count(s.Objects), size(s.Bytes), plain(s.Manifest))
		}
	}
	return b.String()
}

// letters gives "3 in 2 manifests (Glacier 1, NoSuchKey 2)".
func (r *Report) letters() string {
	var sum int64
	var by []string
	for _, reason := range slices.Sorted(maps.Keys(r.DeadLetters)) {
		sum += r.DeadLetters[reason]
		by = append(by, reason+" "+count(r.DeadLetters[reason]))
	}
	if sum == 0 {
		return "none"
	}
	return fmt.Sprintf("%s in %s (%s)", count(sum), manifests(r.WithDeadLetters), strings.Join(by, ", "))
}

// plain keeps what a key may hold from a terminal.
func plain(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
