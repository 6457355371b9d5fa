package main

import (
	"cmp"
	"slices"
	"time"
)

// measured is a quantity that was measured several times.
type measured []float64

// median is the middle value; that of two between them.
func (m measured) median() float64 {
	if len(m) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(m))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// spread is the least and the greatest value.
func (m measured) spread() (least, greatest float64) {
	if len(m) == 0 {
		return 0, 0
	}
	return slices.Min(m), slices.Max(m)
}

// pair is one measurement of ours beside one of its floor, made in a row.
type pair struct{ ours, floor usage }

// each applies f to all pairs.
func each(pairs []pair, f func(pair) float64) measured {
	m := make(measured, len(pairs))
	for i, p := range pairs {
		m[i] = f(p)
	}
	return m
}

// rate is amount per second.
func rate(amount float64, d time.Duration) float64 {
	return amount / cmp.Or(d.Seconds(), 1e-9)
}
