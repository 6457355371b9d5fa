package main

import (
	"fmt"
	"io"
	"time"
)

// found is what was measured of searches, for the README.
type found struct {
	rows              float64
	indexes           int
	once, made, floor time.Duration
	size              int64
	second            [3]float64 // seconds: of a key, with a listing, of a glob
}

// write tells it in a sentence or two.
func (f *found) write(w io.Writer, m machine) {
	fmt.Fprintf(w, "Measured by `make bench`: in %s indexes with %s rows the first search takes %s s (%s s with a catalogue to make, of\n"+
		"%s GiB; the download alone %s s), a second one %s ms, with a listing to look for new indexes %s ms, and for a glob that\n"+
		"begins with `*` %s ms. %s, %d processors, S3 on the same machine; commit %s.\n",
		count(f.indexes), count(int64(f.rows)), digits(f.once.Seconds()), digits(f.made.Seconds()), digits(float64(f.size)/(1<<30)),
		digits(f.floor.Seconds()), digits(f.second[0]*1000), digits(f.second[1]*1000), digits(f.second[2]*1000), m.processor, m.processors, m.commit)
}
