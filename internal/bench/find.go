package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// find is about looking for an object in many indexes: in all of them, and in
// a catalogue of them. Its floor is a loop that gets the same indexes and does
// no more with them than count lines and fields.
func (r *runner) find(ctx context.Context, title string) error {
	bucket := fmt.Sprintf("indexes-%d-%d", r.indexRows, r.indexes)
	if err := r.use(ctx, 0, "", bucket); err != nil {
		return err
	}
	archives, file := "s3://"+bucket+"/archive/", filepath.Join(r.folder, "catalog")
	key := func(index, row int) string { return fmt.Sprintf("logs/%04d/obj-%08d.bin", index, row) }
	rows := float64(r.indexes) * float64(r.indexRows)

	once, err := r.measureOnce(ctx, r.search(key(r.indexes/3, r.indexRows/7), archives, ""))
	if err != nil {
		return err
	}
	made, err := r.measureOnce(ctx, r.search(key(r.indexes/2, r.indexRows/2), archives, file))
	if err != nil {
		return err
	}
	floor, err := r.measureOnce(ctx, func(ctx context.Context) (usage, error) {
		return measure(ctx, nil, filepath.Join(r.tools, "floor"), "-endpoint", r.running.url, "-bucket", bucket,
			"-objects", fmt.Sprint(r.indexes), "-in-flight", "16", "rows")
	})
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	perSec := func(u usage) float64 { return rate(rows, u.wall) }
	perRow := func(u usage) float64 { return u.cpu.Seconds() * 1e6 / rows }
	first := func(what string, unit quantity, u usage, of func(usage) float64) row {
		return compare(title, what, unit, bound{none: true}, []pair{{u, floor}}, of)
	}
	r.results = append(r.results,
		first("rows/s, without a catalogue", perSecond, once, perSec),
		first("CPU per row, without a catalogue", microseconds, once, perRow),
		first("rows/s, making the catalogue", perSecond, made, perSec),
		first("CPU per row, making the catalogue", microseconds, made, perRow),
		row{work: title, what: "resident memory, making the catalogue", unit: size, ours: float64(made.memory), bound: bound{none: true}},
		row{work: title, what: "size of the catalogue", unit: size, ours: float64(info.Size()), bound: bound{none: true}})
	r.found = found{rows: rows, indexes: r.indexes, once: once.wall, made: made.wall, floor: floor.wall, size: info.Size()}

	// The second search, for a key that was not looked for before, a glob that
	// begins with what is known, and one that begins with anything.
	for i, second := range []struct {
		what, glob, archives string
	}{
		{"second search, for a key", key(r.indexes/4, r.indexRows/5), ""},
		{"second search, for a key, with a listing", key(r.indexes/5, r.indexRows/4), archives},
		{"second search, for a glob that begins with *", "*" + key(r.indexes/6, r.indexRows/3)[len("logs/"):], ""},
	} {
		var took []pair
		for range r.pairs {
			u, err := r.search(second.glob, second.archives, file)(ctx)
			if err != nil {
				return err
			}
			took = append(took, pair{ours: u})
		}
		wall := each(took, func(p pair) float64 { return p.ours.wall.Seconds() })
		r.results = append(r.results, row{work: title, what: second.what, unit: seconds, ours: wall.median(), bound: atMost(0.1)})
		r.found.second[i] = wall.median()
	}
	return os.Remove(file)
}

// search returns runs of s3bundler find that must find one object; archives or
// catalog may be empty.
func (r *runner) search(glob, archives, catalog string) program {
	args := []string{"find", glob, "--csv"}
	if archives != "" {
		args = append(args, "--archives", archives)
	}
	if catalog != "" {
		args = append(args, "--catalog", catalog)
	}
	return func(ctx context.Context) (usage, error) {
		u, err := measure(ctx, r.running.environment(), filepath.Join(r.bin, "s3bundler"), args...)
		if err == nil && !strings.Contains(u.message, "1 object,") {
			err = fmt.Errorf("s3bundler %s did not find one object: %s", strings.Join(args, " "), u.message)
		}
		return u, err
	}
}

// measureOnce runs what takes too long to be run again and again.
func (r *runner) measureOnce(ctx context.Context, p program) (usage, error) {
	u, err := p(ctx)
	if err == nil {
		fmt.Fprintf(r.screen, "  %.2f s, %.2f s of processor\n", u.wall.Seconds(), u.cpu.Seconds())
	}
	return u, err
}
