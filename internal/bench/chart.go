package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// bar is a row as a share of its floor's speed.
type bar struct {
	work, what           string
	value, least, most   float64
	bound                float64 // 0 where there is none
	ours, floor, verdict string
}

// bars are the rows that have a floor and a bound. What counts time, or
// bytes, is turned over, so that more is better in all of them.
func (r *report) bars() (bars []bar) {
	for i := range r.rows {
		row := &r.rows[i]
		if row.ratio == nil || row.bound.none {
			continue
		}
		b := bar{work: row.work, what: row.what, value: row.ratio.median(), bound: row.bound.limit, verdict: row.verdict(),
			ours: row.unit.format(row.ours), floor: row.unit.format(row.floor)}
		b.least, b.most = row.ratio.spread()
		if !row.bound.atLeast {
			b.value, b.least, b.most, b.bound = 1/b.value, 1/b.most, 1/b.least, 1/b.bound
		}
		bars = append(bars, b)
	}
	return bars
}

const (
	chartWidth = 800
	labelWidth = 320
	unitWidth  = 220 // of a bar as long as its floor
	barHeight  = 16
	barStep    = 40
	chartTop   = 66
	furthest   = 2.0 // what is longer is cut off
)

// chart writes the bars as SVG.
func (r *report) chart(w io.Writer) {
	bars := r.bars()
	height := chartTop + len(bars)*barStep + 34
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="Helvetica, Arial, sans-serif" font-size="13">
<title>Speed as a share of the floor's</title>
<rect width="100%%" height="100%%" fill="#ffffff"/>
<text x="16" y="28" font-size="17" font-weight="bold" fill="#1f2328">Speed as a share of the floor's</text>
<text x="16" y="48" fill="#59636e">longer is better; thin line: spread of %d pairs; red mark: the bound</text>
`, chartWidth, height, chartWidth, height, r.scale.pairs)
	end := chartTop + len(bars)*barStep
	for _, v := range []float64{0, 0.5, 1, 1.5} {
		fmt.Fprintf(w, `<line x1="%s" y1="%d" x2="%[1]s" y2="%[3]d" stroke="#d1d9e0"/><text x="%[1]s" y="%[4]d" text-anchor="middle" fill="#59636e">%[5]g</text>`+"\n",
			at(v), chartTop-4, end, end+18, v)
	}
	for i, b := range bars {
		y := chartTop + i*barStep
		mid := y + barHeight/2
		fill := "#4493a8"
		if b.verdict == "missed" {
			fill = "#c9913c"
		}
		fmt.Fprintf(w, `<text x="%d" y="%d" text-anchor="end" fill="#1f2328">%s</text>`+"\n", labelWidth-10, mid+5, escape(b.work))
		fmt.Fprintf(w, `<text x="%d" y="%d" font-size="11" text-anchor="end" fill="#59636e">%s</text>`+"\n", labelWidth-10, y+barHeight+13, escape(b.what))
		fmt.Fprintf(w, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", labelWidth, y, min(b.value, furthest)*unitWidth, barHeight, fill)
		fmt.Fprintf(w, `<line x1="%s" y1="%d" x2="%s" y2="%[2]d" stroke="#1f2328"/>`+"\n", at(b.least), mid, at(b.most))
		fmt.Fprintf(w, `<line x1="%s" y1="%d" x2="%[1]s" y2="%[3]d" stroke="#cf222e" stroke-width="2"/>`+"\n", at(b.bound), y-3, y+barHeight+3)
		fmt.Fprintf(w, `<text x="%d" y="%d" font-size="11" fill="#59636e">%s; floor %s</text>`+"\n", labelWidth+2, y+barHeight+13, escape(b.ours), escape(b.floor))
	}
	fmt.Fprintln(w, "</svg>")
}

// at is where a share of the floor's speed lies.
func at(v float64) string { return fmt.Sprintf("%.1f", labelWidth+min(v, furthest)*unitWidth) }

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes all
	return b.String()
}
