package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what was found, to be written down.
type report struct {
	rows    []row
	cost    cost
	found   found
	scale   scale
	machine machine
	took    time.Duration
}

// print writes the table on screen.
func (r *report) print(w io.Writer) {
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(columns(), "\t"))
	for i := range r.rows {
		fmt.Fprintln(tw, strings.Join(r.rows[i].cells(), "\t"))
	}
	_ = tw.Flush() // the screen is not what the results depend on
	fmt.Fprintf(w, "\n%d pairs of each in %s\n", r.scale.pairs, r.took.Round(time.Second))
}

// write makes results.md and the chart, and renews the README's section.
func (r *report) write(o options) error {
	var results, chart, section, searches bytes.Buffer
	r.markdown(&results)
	r.chart(&chart)
	r.cost.write(&section, r.scale, r.machine)
	r.found.write(&searches, r.machine)
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	err := errors.Join(
		os.WriteFile(filepath.Join(o.out, "results.md"), results.Bytes(), 0o644),
		os.WriteFile(filepath.Join(o.out, "results.svg"), chart.Bytes(), 0o644))
	if err != nil || o.readme == "" {
		return err
	}
	text, err := os.ReadFile(o.readme)
	if err != nil {
		return err
	}
	for mark, written := range map[string][]byte{"": section.Bytes(), "searches, ": searches.Bytes()} {
		if text, err = between(text, mark, written); err != nil {
			return fmt.Errorf("%s: %w", o.readme, err)
		}
	}
	return os.WriteFile(o.readme, text, 0o644)
}

// marks are those between which a section of the README stands; what begins
// them tells one from another.
func marks(what string) (begin, end string) {
	mark := "<!-- " + what + "written by make bench: "
	return mark + "begin -->\n", mark + "end -->\n"
}

// between replaces what stands between the marks in text.
func between(text []byte, what string, section []byte) ([]byte, error) {
	begin, end := marks(what)
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return nil, fmt.Errorf("there is no section between %q and %q", begin, end)
	}
	return bytes.Join([][]byte{before, []byte(begin), section, []byte(end), after}, nil), nil
}

// markdown writes results.md.
func (r *report) markdown(w io.Writer) {
	m := r.machine
	fmt.Fprintf(w, "# What it costs, beside what it must\n\nWritten by `make bench`.\n\n![chart](results.svg)\n\n"+
		"%s, %d processors, %s, %s; commit %s; %s. %d pairs of each, ours and its floor in turn.\n\n",
		m.processor, m.processors, m.kernel, m.goVersion, m.commit, m.date.Format("2006-01-02 15:04 MST"), r.scale.pairs)
	c := columns()
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(c, " | "), strings.Repeat("---|", len(c)))
	for i := range r.rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(r.rows[i].cells(), " | "))
	}
	fmt.Fprint(w, explanation)
	fmt.Fprint(w, "\n## What a billion objects take\n\n")
	r.cost.write(w, r.scale, r.machine)
}

// explanation says what was measured.
const explanation = `
Ratios are ours to the floor's, pair by pair; the table has their median and their spread, of the other columns medians.
S3 is a stub in a process of its own, on the same machine, whose processors it shares with what is measured. Processor time
and peak memory are the kernel's account of one process (getrusage), start and end of the program included.

- The floor of small objects is a loop of GETs over net/http, signed by the SDK's signer, that drops what it reads, with as
  many in flight as s3bundler has by default.
- The floor of large objects is a loop that GETs the same ranges and PUTs the same parts, with as much memory, and neither
  orders nor checks anything. "Multipart" objects have the ETag of a multipart upload: their MD5, which the index holds, must
  be calculated.
- gzip is all of s3bundler -c, GETs and upload included, beside pigz -6 on a file that holds the same tar; the sizes are those
  of the whole files.
- s3grouper reads its inventory from the stub and stores the manifests; gzip reads the same data files from disk.
- restore puts the objects of one archive into a bucket that is empty; its floor is a loop of PUTs of such objects, signed by
  the SDK's signer, with as many in flight as s3bundler has by default.
- find reads all indexes, which are generated and differ in their keys; its floor is a loop of GETs of them, as many at once,
  that counts lines and commas. It is measured once. A second search runs the command anew on the catalogue that was made.
`
