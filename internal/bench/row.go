package main

// row is one line of the results: a quantity, beside its floor.
type row struct {
	work string // what was done
	what string // the quantity
	unit quantity
	// ours and floor are medians; floor is 0 where there is none.
	ours, floor float64
	// ratio is that of ours to the floor, pair by pair.
	ratio measured
	bound bound
}

// quantity is what is counted in a row, and how it is written.
type quantity int

const (
	microseconds quantity = iota
	seconds
	perSecond
	bytesPerSecond
	size
)

// bound is what a ratio must reach. Where a row has no floor, it is the
// quantity itself that must.
type bound struct {
	limit float64
	// atLeast says that more is better.
	atLeast bool
	// none says that there is nothing to reach.
	none bool
}

func atMost(limit float64) bound  { return bound{limit: limit} }
func atLeast(limit float64) bound { return bound{limit: limit, atLeast: true} }

// value is what the bound is about.
func (r *row) value() float64 {
	if r.ratio != nil {
		return r.ratio.median()
	}
	return r.ours
}

// verdict is "met", "missed" or empty.
func (r *row) verdict() string {
	v := r.value()
	switch {
	case r.bound.none:
		return ""
	case r.bound.atLeast && v >= r.bound.limit, !r.bound.atLeast && v <= r.bound.limit:
		return "met"
	default:
		return "missed"
	}
}

// compare makes a row of a quantity that both sides of the pairs have.
func compare(work, what string, unit quantity, b bound, pairs []pair, of func(usage) float64) row {
	return row{
		work: work, what: what, unit: unit, bound: b,
		ours:  each(pairs, func(p pair) float64 { return of(p.ours) }).median(),
		floor: each(pairs, func(p pair) float64 { return of(p.floor) }).median(),
		ratio: each(pairs, func(p pair) float64 { return of(p.ours) / of(p.floor) }),
	}
}
