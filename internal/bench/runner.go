package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// runner measures. Its fields belong to one goroutine.
type runner struct {
	scale
	folder  string // for inventories and tars; removed at the end
	screen  io.Writer
	bin     string
	tools   string
	running *stub
	runs    int // of s3bundler and s3grouper, which tells their prefixes apart

	results []row
	peak    peaks
	cost    cost
	found   found
}

// peaks are the greatest of all runs.
type peaks struct{ bundler, grouper, disk int64 }

// bench measures all that o asks for and writes the results.
func bench(ctx context.Context, o options, screen io.Writer) (err error) {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	r := &runner{scale: full(o.pairs), screen: screen}
	if o.short {
		r.scale = short()
	}
	if r.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	if r.tools, err = filepath.Abs(o.tools); err != nil {
		return err
	}
	if r.folder, err = os.MkdirTemp("", "s3bundler-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop(), os.RemoveAll(r.folder)) }()
	for _, name := range []string{"s3bundler", "s3grouper"} {
		// The first to read a file may have to write down when: not the ones
		// that are measured.
		if _, err := measure(ctx, nil, filepath.Join(r.bin, name), "--version"); err != nil {
			return err
		}
	}
	began := time.Now()
	for _, w := range r.works() {
		if !only.MatchString(w.title) {
			continue
		}
		fmt.Fprintln(screen, w.title)
		if err := w.do(ctx, w.title); err != nil {
			return fmt.Errorf("%s: %w", w.title, err)
		}
	}
	r.limits()
	for i := range r.results {
		r.results[i].bound.none = r.results[i].bound.none || o.short
	}
	rep := report{rows: r.results, cost: r.cost, found: r.found, scale: r.scale, machine: describe(), took: time.Since(began)}
	rep.print(screen)
	if o.only != "" {
		return nil
	}
	return rep.write(o)
}

// use starts a stub in the place of the running one.
func (r *runner) use(ctx context.Context, firstByte time.Duration, text string, buckets ...string) error {
	if err := r.stop(); err != nil {
		return err
	}
	s, err := startStub(filepath.Join(r.tools, "stub"), firstByte, text)
	if err != nil {
		return err
	}
	r.running = s
	for _, b := range buckets {
		if err := s.prepare(ctx, b); err != nil {
			return err
		}
	}
	_, err = s.counts()
	return err
}

func (r *runner) stop() error {
	if r.running == nil {
		return nil
	}
	s := r.running
	r.running = nil
	return s.close()
}

// program is one run of a program.
type program func(ctx context.Context) (usage, error)

// measurePairs runs ours and floor in turn. Every other pair begins with the
// floor, so that neither always has the other's wake to swim in.
func (r *runner) measurePairs(ctx context.Context, ours, floor program) ([]pair, error) {
	var pairs []pair
	for i := range r.pairs {
		var p pair
		var err, err2 error
		if i%2 == 0 {
			p.ours, err = ours(ctx)
			p.floor, err2 = floor(ctx)
		} else {
			p.floor, err2 = floor(ctx)
			p.ours, err = ours(ctx)
		}
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		fmt.Fprintf(r.screen, "  %d: %.2f s, %.2f s of processor; its floor %.2f s, %.2f s\n", i+1,
			p.ours.wall.Seconds(), p.ours.cpu.Seconds(), p.floor.wall.Seconds(), p.floor.cpu.Seconds())
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// floor is a run of the floor over objects of a bucket.
func (r *runner) floor(loop, bucket string, objects int, size int64, inFlight int) program {
	return func(ctx context.Context) (usage, error) {
		return measure(ctx, nil, filepath.Join(r.tools, "floor"), "-endpoint", r.running.url, "-bucket", bucket,
			"-objects", fmt.Sprint(objects), "-size", fmt.Sprint(size), "-in-flight", fmt.Sprint(inFlight),
			"-chunk", fmt.Sprint(chunkBytes), "-part", fmt.Sprint(partBytes), loop)
	}
}

// limits adds the rows for what must hold in every run.
func (r *runner) limits() {
	const mib = 1 << 20
	if r.peak.bundler > 0 {
		r.results = append(r.results, row{work: "all of s3bundler", what: "resident memory", unit: size, ours: float64(r.peak.bundler), bound: atMost(256 * mib)})
	}
	if r.peak.grouper > 0 {
		r.results = append(r.results, row{work: "all of s3grouper", what: "resident memory", unit: size, ours: float64(r.peak.grouper), bound: atMost(128 * mib)})
	}
	r.results = append(r.results, row{work: "all", what: "temporary disk", unit: size, ours: float64(r.peak.disk), bound: atMost(0)})
}
