package main

import (
	"fmt"
	"math"
)

// format writes a value of a quantity.
func (q quantity) format(v float64) string {
	switch q {
	case microseconds:
		return digits(v) + " µs"
	case seconds:
		return digits(v) + " s"
	case perSecond:
		return count(int64(math.Round(v))) + "/s"
	case bytesPerSecond:
		return digits(v/1e6) + " MB/s"
	default:
		return digits(v/(1<<20)) + " MiB"
	}
}

// digits writes three digits that mean something.
func digits(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 100:
		return count(int64(math.Round(v)))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

// cells are what a row has to say, in the order of columns.
func (r *row) cells() []string {
	c := []string{r.work, r.what, r.unit.format(r.ours), "", "", "", "", r.verdict()}
	if r.ratio != nil {
		least, greatest := r.ratio.spread()
		c[3] = r.unit.format(r.floor)
		c[4] = fmt.Sprintf("%.2f", r.ratio.median())
		c[5] = fmt.Sprintf("%.2f–%.2f", least, greatest)
	}
	if r.bound.none {
		return c
	}
	sign := "≤ "
	if r.bound.atLeast {
		sign = "≥ "
	}
	if r.ratio != nil {
		c[6] = sign + fmt.Sprint(r.bound.limit)
	} else {
		c[6] = sign + r.unit.format(r.bound.limit)
	}
	return c
}

func columns() []string {
	return []string{"work", "quantity", "ours", "floor", "ratio", "spread", "bound", ""}
}
