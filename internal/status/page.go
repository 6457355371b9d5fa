package status

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

// Page writes the report as one HTML page that loads nothing else. With a
// refresh above 0 a browser loads it again after so long.
func (r *Report) Page(w io.Writer, refresh time.Duration) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"count": count, "size": size, "span": span, "percent": percent, "perSecond": perSecond, "manifests": manifests,
		"int64": func(n int) int64 { return int64(n) },
		"bytes": func(f float64) string { return size(int64(f)) },
		"date":  func(t time.Time) string { return t.UTC().Format(time.DateTime) },
		"until": func(t time.Time, d time.Duration) string { return t.Add(d).UTC().Format("2006-01-02 15:04") },
	}).Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, page{
		Report: r, Refresh: int(refresh.Seconds()), About: about(r.Estimated),
		Chart: newChart(r), Reasons: reasonBars(r.DeadLetters), Slow: slowBars(r.Slowest),
	})
}

type page struct {
	*Report
	Refresh int // in seconds
	About   string
	Chart   *chart // nil if nothing is done
	Reasons []bar
	Slow    []bar
}

// Letters is how many objects were left out.
func (p page) Letters() (sum int64) {
	for _, n := range p.DeadLetters {
		sum += n
	}
	return sum
}

// bar is one row of a bar chart; Percent is its length.
type bar struct {
	Name, Figure, Note string
	Percent            float64
}

func reasonBars(reasons map[string]int64) []bar {
	names := slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b], reasons[a]), strings.Compare(a, b))
	})
	var bars []bar
	for _, name := range names {
		bars = append(bars, bar{Name: name, Figure: count(reasons[name]), Percent: share(float64(reasons[name]), float64(reasons[names[0]]))})
	}
	return bars
}

func slowBars(slow []Slow) []bar {
	var bars []bar
	for _, s := range slow {
		bars = append(bars, bar{
			Name: s.Manifest, Figure: span(s.Took), Note: fmt.Sprintf("%s objects, %s", count(s.Objects), size(s.Bytes)),
			Percent: share(s.Seconds, slow[0].Seconds),
		})
	}
	return bars
}

// share is what part of most n is, in percent, and enough to be seen.
func share(n, most float64) float64 {
	if most <= 0 {
		return 0
	}
	return max(0.5, n/most*100)
}
