package status

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The chart's place for the curve, in the SVG's units.
const (
	chartLeft, chartTop     = 64, 12
	chartWidth, chartHeight = 760, 240
)

// chart is the progress curve: archived manifests over time.
type chart struct {
	Left, Top, Right, Bottom int
	// Line and Area are paths. The curve is one of steps: between two indexes
	// nothing was archived.
	Line, Area string
	// Ahead is the path from now to the expected end; empty if there is none.
	Ahead      string
	Rows       []tick
	Columns    []tick
	EndX, EndY float64
	End        string // what stands at the end of the curve
}

// tick is a line of the grid.
type tick struct {
	At    float64
	Label string
}

func newChart(r *Report) *chart {
	if len(r.Curve) == 0 {
		return nil
	}
	c := &chart{Left: chartLeft, Top: chartTop, Right: chartLeft + chartWidth, Bottom: chartTop + chartHeight}
	from, last := r.Curve[0].At, r.Curve[len(r.Curve)-1]
	until := last.At
	if r.Count.Left > 0 && r.At.After(until) {
		until = r.At
	}
	now := until
	if r.Rate != nil && r.Rate.Left > 0 {
		// The way ahead takes half of the chart at most.
		until = now.Add(min(r.Rate.Left, max(now.Sub(from), time.Second)))
	}
	whole := max(until.Sub(from), time.Second)
	x := func(t time.Time) float64 {
		return chartLeft + chartWidth*float64(t.Sub(from))/float64(whole)
	}
	y := func(n float64) float64 {
		return chartTop + chartHeight*(1-n/float64(r.Count.Total))
	}
	var line strings.Builder
	for i, p := range r.Curve {
		if i == 0 {
			fmt.Fprintf(&line, "M%.1f %.1f", x(p.At), y(float64(p.Manifests)))
			continue
		}
		fmt.Fprintf(&line, "H%.1fV%.1f", x(p.At), y(float64(p.Manifests)))
	}
	fmt.Fprintf(&line, "H%.1f", x(now))
	c.Line = line.String()
	c.Area = fmt.Sprintf("%sV%dH%dZ", c.Line, c.Bottom, c.Left)
	c.EndX, c.EndY = x(now), y(float64(last.Manifests))
	c.End = percent(r.Count.Fraction())
	if until.After(now) {
		part := float64(until.Sub(now)) / float64(r.Rate.Left)
		ahead := float64(last.Manifests) + part*float64(r.Count.Left)
		c.Ahead = fmt.Sprintf("M%.1f %.1fL%.1f %.1f", c.EndX, c.EndY, x(until), y(ahead))
	}
	c.Rows = rows(r.Count.Total, y)
	c.Columns = columns(from, from.Add(whole), x)
	return c
}

// rows are lines at round numbers of manifests.
func rows(total int64, y func(float64) float64) []tick {
	magnitude := int64(math.Pow10(max(0, len(strconv.FormatInt(total, 10))-2)))
	step := magnitude
	for _, factor := range []int64{1, 2, 5, 10, 20} {
		if step = magnitude * factor; total/step <= 5 {
			break
		}
	}
	var ts []tick
	for n := int64(0); n <= total; n += step {
		ts = append(ts, tick{y(float64(n)), count(n)})
	}
	return ts
}

// steps are those that a clock's face may have.
var steps = [...]time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour,
}

// columns are lines at round times.
func columns(from, until time.Time, x func(time.Time) float64) []tick {
	const most = 6
	step := steps[0]
	for _, step = range steps {
		if until.Sub(from)/step <= most {
			break
		}
	}
	if least := until.Sub(from) / most; step < least {
		step = least
	}
	format := "15:04"
	switch {
	case step < time.Minute:
		format = "15:04:05"
	case step >= 24*time.Hour:
		format = time.DateOnly
	case until.Sub(from) >= 24*time.Hour:
		format = "01-02 15:04"
	}
	var ts []tick
	for t := from.UTC().Truncate(step); !t.After(until); t = t.Add(step) {
		if !t.Before(from) {
			ts = append(ts, tick{x(t), t.Format(format)})
		}
	}
	return ts
}
