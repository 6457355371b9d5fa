package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		m    measured
		want float64
	}{
		{nil, 0}, {measured{3}, 3}, {measured{3, 1}, 2}, {measured{9, 1, 2}, 2}, {measured{4, 1, 3, 2}, 2.5},
	} {
		if got := tt.m.median(); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.m, got, tt.want)
		}
	}
	if least, greatest := (measured{2, 1, 3}).spread(); least != 1 || greatest != 3 {
		t.Errorf("spread %v to %v", least, greatest)
	}
}

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		r    row
		want string
	}{
		{row{ratio: measured{1.4, 1.5, 9}, bound: atMost(1.5)}, "met"},
		{row{ratio: measured{1.6}, bound: atMost(1.5)}, "missed"},
		{row{ratio: measured{0.6}, bound: atLeast(0.6)}, "met"},
		{row{ratio: measured{0.5}, bound: atLeast(0.6)}, "missed"},
		{row{ours: 1, bound: atMost(0)}, "missed"},
		{row{ours: 5000, ratio: nil, bound: atLeast(5000)}, "met"},
		{row{ours: 5000, bound: bound{none: true}}, ""},
	} {
		if got := tt.r.verdict(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.r, got, tt.want)
		}
	}
}

func TestRatiosAreThoseOfPairs(t *testing.T) {
	second := func(n int) usage { return usage{wall: time.Duration(n) * time.Second} }
	r := compare("w", "q", seconds, atMost(1), []pair{{second(1), second(10)}, {second(2), second(2)}, {second(9), second(3)}},
		func(u usage) float64 { return u.wall.Seconds() })
	if r.ours != 2 || r.floor != 3 || r.ratio.median() != 1 {
		t.Errorf("%+v", r)
	}
}

func example() report {
	return report{
		rows: []row{
			{work: "a < b", what: "objects/s", unit: perSecond, ours: 12345, floor: 20000, ratio: measured{0.6, 0.61, 0.7}, bound: atLeast(0.6)},
			{work: "c", what: "CPU", unit: microseconds, ours: 51, floor: 28, ratio: measured{1.8}, bound: atMost(1.5)},
			{work: "d", what: "resident memory", unit: size, ours: 200 << 20, bound: atMost(256 << 20)},
		},
		cost:    cost{bundleCPU: 36e-6, groupCPU: 0.36e-6, requests: requests{Gets: 65_065, Puts: 62, Lists: 2}, objects: 65_000, delayed: 8000},
		scale:   full(5),
		machine: machine{processor: "P", processors: 2, goVersion: "go", commit: "c", date: time.Unix(0, 0).UTC()},
	}
}

func TestChartIsWellFormed(t *testing.T) {
	r := example()
	var b bytes.Buffer
	r.chart(&b)
	text := b.String()
	for d := xml.NewDecoder(&b); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	// 0.61 of its floor, and 1/1.8.
	for _, want := range []string{`width="134.2"`, `width="122.2"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no bar of %s in\n%s", want, text)
		}
	}
}

func TestMarkdown(t *testing.T) {
	r := example()
	var b bytes.Buffer
	r.markdown(&b)
	for _, want := range []string{
		"| a < b | objects/s | 12,345/s | 20,000/s | 0.61 | 0.60–0.70 | ≥ 0.6 | met |\n",
		"| c | CPU | 51.0 µs | 28.0 µs | 1.80 | 1.80–1.80 | ≤ 1.5 | missed |\n",
		"| d | resident memory | 200 MiB |  |  |  | ≤ 256 MiB | met |\n",
		"| GET and HEAD requests | 1,001,000,000 | 400.40 |\n",
		"| PUT, POST and LIST requests | 1,000,000 | 5.00 |\n",
		"| vCPU-hours of s3bundler | 10.0 | 0.43 |\n",
		"| as many GETs in flight as keep them busy | 5.00 | 0.625 | 0.156 | 0.039 |\n",
		"| one worker to 2 vCPUs, its defaults, 30 ms to the first byte | 34.7 | 4.34 | 1.09 | 0.271 |\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no line %q in\n%s", want, &b)
		}
	}
}

func TestBetween(t *testing.T) {
	begin, end := marks("")
	other, _ := marks("searches, ")
	got, err := between([]byte("a\n"+other+begin+"old\n"+end+"z\n"), "", []byte("new\n"))
	if want := "a\n" + other + begin + "new\n" + end + "z\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if _, err := between([]byte("a"), "", nil); err == nil {
		t.Error("a file without the marks was taken")
	}
}

func TestFound(t *testing.T) {
	f := found{rows: 65e6, indexes: 1000, once: 30 * time.Second, made: 60 * time.Second, floor: 9 * time.Second, size: 3 << 29, second: [3]float64{0.02, 0.035, 0.8}}
	var b bytes.Buffer
	f.write(&b, example().machine)
	want := "Measured by `make bench`: in 1,000 indexes with 65,000,000 rows the first search takes 30.0 s (60.0 s with a catalogue to make, of\n" +
		"1.50 GiB; the download alone 9.00 s), a second one 20.0 ms, with a listing to look for new indexes 35.0 ms, and for a glob that\n" +
		"begins with `*` 800 ms. P, 2 processors, S3 on the same machine; commit c.\n"
	if b.String() != want {
		t.Errorf("%s, want\n%s", &b, want)
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 65000: "65,000", 10_000_000: "10,000,000"} {
		if got := count(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestCorpus(t *testing.T) {
	for name, text := range map[string]func(io.Writer, int) error{"log lines": logLines, "source code": sourceCode} {
		var a, b bytes.Buffer
		if err := text(&a, 100_000); err != nil {
			t.Fatal(name, err)
		}
		if err := text(&b, 100_000); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%s differ from time to time, %v", name, err)
		}
		if a.Len() < 100_000 || a.Len() > 101_000 {
			t.Errorf("%s: %d bytes", name, a.Len())
		}
	}
}

func TestMeasure(t *testing.T) {
	u, err := measure(t.Context(), []string{"AWS_X=1"}, "sh", "-c", `test "$AWS_X" = 1 && test "$PWD" -ef "$TMPDIR" && echo oops >&2 && printf 12345 > left`)
	if err != nil {
		t.Fatal(err)
	}
	if u.wall <= 0 || u.memory <= 0 || u.disk < 5 || u.message != "oops\n" {
		t.Errorf("%+v", u)
	}
	if _, err := os.Stat("left"); err == nil {
		t.Error("it ran in this folder")
	}
	if _, err := measure(t.Context(), nil, "sh", "-c", "echo oops >&2; exit 3"); err == nil || !strings.Contains(err.Error(), "oops") {
		t.Errorf("a failure: %v", err)
	}
}
