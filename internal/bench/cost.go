package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// cost is what the measurements say of any number of objects of 10 KB.
type cost struct {
	bundleCPU float64  // of s3bundler for an object, in seconds
	groupCPU  float64  // of s3grouper for a row, in seconds
	requests  requests // for a manifest of objects
	objects   float64
	delayed   float64 // objects/s of one worker, with delay
}

func (c *cost) bundling(pairs []pair, objects float64) {
	c.bundleCPU = each(pairs, func(p pair) float64 { return p.ours.cpu.Seconds() / objects }).median()
}

func (c *cost) grouping(pairs []pair, rows float64) {
	c.groupCPU = each(pairs, func(p pair) float64 { return p.ours.cpu.Seconds() / rows }).median()
}

// billion is what people of this field count in.
const billion = 1e9

// queueCalls are the requests to SQS for one manifest that takes a few
// minutes: to receive, to extend, to delete.
const queueCalls = 4

// write tells what a billion objects take.
func (c *cost) write(w io.Writer, s scale, m machine) {
	p := prices()
	manifests := math.Ceil(billion / c.objects)
	per := billion / c.objects
	gets := float64(c.requests.Gets) * per
	puts := float64(c.requests.Puts+c.requests.Lists+1) * per // and the manifest itself
	hours, grouping := c.bundleCPU*billion/3600, c.groupCPU*billion/3600
	lines := []struct {
		what    string
		n       string
		dollars float64
	}{
		{"GET and HEAD requests", count(int64(gets)), gets * p.get},
		{"PUT, POST and LIST requests", count(int64(puts)), puts * p.put},
		{"rows of an S3 Inventory", count(int64(billion)), billion * p.listed},
		{"requests to SQS", count(int64(manifests * queueCalls)), manifests * queueCalls * p.message},
		{"vCPU-hours of s3bundler", digits(hours), hours * p.vCPUHour},
		{"vCPU-hours of s3grouper", digits(grouping), grouping * p.vCPUHour},
	}
	total := 0.0
	fmt.Fprintf(w, "A billion objects of 10 KB, %s to an archive: %.1f TB in %s archives.\n\n",
		count(int64(c.objects)), billion*smallSize/1e12, count(int64(manifests)))
	fmt.Fprintln(w, "| | | dollars |\n|---|--:|--:|")
	for _, l := range lines {
		fmt.Fprintf(w, "| %s | %s | %.2f |\n", l.what, l.n, l.dollars)
		total += l.dollars
	}
	fmt.Fprintf(w, "| together | | %.2f |\n\n", total)
	c.writeHours(w, s)
	fmt.Fprintf(w, "Requests and processor time are those that `make bench` counted on %s (%d processors), commit %s, %s;\n"+
		"prices are AWS's of %s, %s, %s. Storage is not in it.\n",
		m.processor, m.processors, m.commit, m.date.Format("2006-01-02"), p.date, p.region, p.instance)
}

// writeHours tells how long it takes on a number of processors.
func (c *cost) writeHours(w io.Writer, s scale) {
	on := []float64{2, 16, 64, 256}
	heads, rule := "| hours on so many vCPUs |", "|---|"
	busy, waiting := "| as many GETs in flight as keep them busy |", fmt.Sprintf("| one worker to 2 vCPUs, its defaults, %d ms to the first byte |", s.firstByte.Milliseconds())
	for _, n := range on {
		heads += fmt.Sprintf(" %.0f |", n)
		rule += "--:|"
		busy += hours(c.bundleCPU * billion / n)
		waiting += hours(billion / (c.delayed * n / 2))
	}
	fmt.Fprintln(w, strings.Join([]string{heads, rule, busy, waiting}, "\n"))
	fmt.Fprintln(w)
}

func hours(seconds float64) string { return " " + digits(seconds/3600) + " |" }
