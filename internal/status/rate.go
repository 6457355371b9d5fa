package status

import "time"

// Rate is how fast it goes.
type Rate struct {
	// Over is what the rate is of: the time in which the last tenth of the
	// archived manifests, or at least the last ten, got their indexes. While
	// there is work left it lasts until now, so that it falls if nothing is
	// done any more.
	Over    time.Duration `json:"-"`
	Seconds float64       `json:"seconds"`
	// A second, on average.
	Objects float64 `json:"objectsPerSecond"`
	Bytes   float64 `json:"bytesPerSecond"`
	// Left is the time for the rest; 0 if there is none, or the rate is.
	Left        time.Duration `json:"-"`
	LeftSeconds float64       `json:"leftSeconds"`
}

// recent is how many of the last manifests the rate is of, at least.
const recent = 10

// rate is that of done, which are in order of time; left is how many objects
// are to be done.
func rate(done []Manifest, now time.Time, left int64) *Rate {
	if len(done) < 2 {
		return nil
	}
	n := min(max(recent, len(done)/10), len(done)-1)
	last := done[len(done)-n:]
	until := last[n-1].Index.LastModified
	if left > 0 && now.After(until) {
		until = now
	}
	// What was done before it counts for nothing but the start.
	r := &Rate{Over: until.Sub(done[len(done)-n-1].Index.LastModified)}
	if r.Over < time.Second { // S3 tells whole seconds
		r.Over = time.Second
	}
	for _, m := range last {
		r.Objects += float64(m.Rows)
		r.Bytes += float64(m.Bytes)
	}
	r.Seconds = r.Over.Seconds()
	r.Objects /= r.Seconds
	r.Bytes /= r.Seconds
	const longest = 100 * 365 * 24 * time.Hour
	if seconds := float64(left) / r.Objects; r.Objects > 0 && seconds < longest.Seconds() {
		r.Left = time.Duration(seconds * float64(time.Second))
		r.LeftSeconds = r.Left.Seconds()
	}
	return r
}

// Point is how much was done at a time.
type Point struct {
	At        time.Time `json:"at"`
	Manifests int64     `json:"manifests"`
	Objects   int64     `json:"objects"`
}

// points is about how many a curve has, and never twice as many: what a chart
// can show.
const points = 240

// curve is what was done over time, from the start of the first manifest.
func curve(done []Manifest) []Point {
	ps := []Point{}
	if len(done) == 0 {
		return ps
	}
	first, last := done[0].Index.LastModified, done[len(done)-1].Index.LastModified
	begun := first
	for _, m := range done {
		if at := m.Index.LastModified.Add(-m.Took); at.Before(begun) {
			begun = at
		}
	}
	ps = append(ps, Point{At: begun})
	step := last.Sub(begun) / points
	var sum Point
	for i, m := range done {
		sum.At = m.Index.LastModified
		sum.Manifests++
		sum.Objects += m.Rows
		if i == len(done)-1 || done[i+1].Index.LastModified.Sub(ps[len(ps)-1].At) > step {
			ps = append(ps, sum)
		}
	}
	return ps
}
