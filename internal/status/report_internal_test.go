package status

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"s3bundler/internal/object"
)

var start = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

// found has manifests of 100 objects of 10 bytes, of which done are archived,
// one every ten seconds.
func found(done, all int, at time.Duration) *Found {
	f := &Found{At: start.Add(at)}
	for i := range all {
		m := Manifest{Object: object.Object{Bucket: "b", Key: fmt.Sprintf("m.%d.index", i)}, Rows: 100, Bytes: 1000}
		if i < done {
			m.Archived, m.Took = true, time.Duration(i+1)*time.Second
			m.Index.LastModified = start.Add(time.Duration(i+1) * 10 * time.Second)
		}
		f.Manifests = append(f.Manifests, m)
	}
	return f
}

func TestRate(t *testing.T) {
	for _, tt := range []struct {
		name          string
		f             *Found
		none          bool
		objects       float64
		over, expects time.Duration
	}{
		{"nothing", found(0, 3, time.Minute), true, 0, 0, 0},
		{"one", found(1, 3, time.Minute), true, 0, 0, 0},
		{"two, and none since", found(2, 4, 60*time.Second), false, 2, 50 * time.Second, 100 * time.Second},
		{"the last ten", found(50, 100, 500*time.Second), false, 10, 100 * time.Second, 500 * time.Second},
		{"the last tenth", found(200, 300, 2000*time.Second), false, 10, 200 * time.Second, 1000 * time.Second},
		{"all, long ago", found(50, 50, time.Hour), false, 10, 100 * time.Second, 0},
		{"a clock behind S3's", found(50, 100, 0), false, 10, 100 * time.Second, 500 * time.Second},
	} {
		r := tt.f.Report(Options{}).Rate
		if tt.none || r == nil {
			if tt.none != (r == nil) {
				t.Errorf("%s: %+v", tt.name, r)
			}
			continue
		}
		if r.Objects != tt.objects || r.Bytes != 10*tt.objects || r.Over != tt.over || r.Left != tt.expects {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
}

func TestCurve(t *testing.T) {
	r := found(5000, 6000, 50000*time.Second).Report(Options{})
	last := r.Curve[len(r.Curve)-1]
	if n := len(r.Curve); n < points/2 || n > 2*points || last.Manifests != 5000 || last.Objects != 500000 {
		t.Errorf("%d points, the last %+v", n, last)
	}
	if first := r.Curve[0]; first.Manifests != 0 || !first.At.Before(r.Curve[1].At) {
		t.Errorf("it starts with %+v", first)
	}
	for i, p := range r.Curve[1:] {
		if p.Manifests <= r.Curve[i].Manifests || !p.At.After(r.Curve[i].At) {
			t.Fatalf("point %d: %+v after %+v", i+1, p, r.Curve[i])
		}
	}
	if len(r.Slowest) != slowest || r.Slowest[0].Took != 5000*time.Second {
		t.Errorf("slowest: %+v", r.Slowest)
	}
}

func TestText(t *testing.T) {
	f := found(50, 100, 500*time.Second)
	f.Estimated = true
	f.Manifests[0].DeadLetters = map[string]int64{"Retry": 1, "Glacier": 2000}
	f.Manifests[99].Why, f.Manifests[99].Key = "its archive is missing", "a\x1b[2J"
	for i := range f.Manifests {
		f.Manifests[i].Took = 0
	}
	r := f.Report(Options{})
	r.Queue = &Queue{Name: "q", Waiting: 1, InWork: 2, DeadLetterQueue: &DeadLetterQueue{"dead", 3}}
	const want = `manifests           50 of 100 archived (50.0%), 50 left
objects             about 5,000 done, 5,000 left
bytes               about 48.8 KiB done, 48.8 KiB left
archives            0 B
queue q             1 waiting, 2 in work
dead-letter queue   3 in dead
dead letters        2,001 in 1 manifest (Glacier 2,000, Retry 1)
rate                about 10 objects/s, 100 B/s over 1 min 40 s
time left           about 8 min 20 s, until 2026-11-24 00:16:40 UTC

to be archived again:
  "s3://b/a\x1b[2J": its archive is missing
`
	if got := r.Text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestPage writes pages of all stages, which load nothing and hold no markup
// of a key.
func TestPage(t *testing.T) {
	for done := range 4 {
		f := found(done, 3, time.Minute)
		f.Manifests[0].Key = `<script src="//evil">`
		f.Manifests[0].DeadLetters = map[string]int64{"Retry": 1}
		f.Manifests[2].Why = "its archive is missing"
		var page bytes.Buffer
		if err := f.Report(Options{}).Page(&page, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		text := page.String()
		for _, bad := range []string{"<script", "src=", "href=", "NaN", "Inf", "ZgotmplZ", "@import", "url("} {
			if strings.Contains(strings.ReplaceAll(text, `src=&#34;`, ""), bad) {
				t.Errorf("%d done: the page holds %q", done, bad)
			}
		}
		for _, want := range []string{`content="10"`, "Retry", "its archive is missing", "</html>"} {
			if !strings.Contains(text, want) {
				t.Errorf("%d done: the page lacks %q", done, want)
			}
		}
		if strings.Contains(text, "<svg") != (done > 0) {
			t.Errorf("%d done: is there a chart?", done)
		}
	}
}
