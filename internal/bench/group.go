package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// rowsPerManifest is s3grouper's default.
const rowsPerManifest = 65_000

// group is about s3grouper: beside gzip and wc on the same files, and beside
// itself on a tenth of them.
func (r *runner) group(ctx context.Context, title string) error {
	if err := r.use(ctx, 0, ""); err != nil {
		return err
	}
	many, err := r.takeInventory(ctx, "many", r.rows)
	if err != nil {
		return err
	}
	few, err := r.takeInventory(ctx, "few", r.fewRows)
	if err != nil {
		return err
	}
	pairs, err := r.measurePairs(ctx, r.grouper(many), func(ctx context.Context) (usage, error) {
		return measure(ctx, nil, "sh", append([]string{"-c", `gzip -dc "$@" | wc -l`, "sh"}, many.files...)...)
	})
	if err != nil {
		return err
	}
	perRow := func(u usage, rows int) float64 { return u.wall.Seconds() * 1e6 / float64(rows) }
	r.results = append(r.results,
		compare(title, "seconds, beside gzip -dc | wc -l", seconds, atMost(1.2), pairs, func(u usage) float64 { return u.wall.Seconds() }),
		compare(title, "CPU per row", microseconds, bound{none: true}, pairs, func(u usage) float64 { return u.cpu.Seconds() * 1e6 / float64(many.rows) }))
	r.cost.grouping(pairs, float64(many.rows))

	fmt.Fprintf(r.screen, "  the same, beside itself on %s rows\n", count(few.rows))
	if pairs, err = r.measurePairs(ctx, r.grouper(many), r.grouper(few)); err != nil {
		return err
	}
	b := atMost(1.05)
	b.none = many.rows < 10*few.rows
	r.results = append(r.results, row{
		work: title, what: "time per row, beside " + count(few.rows) + " rows", unit: microseconds, bound: b,
		ours:  each(pairs, func(p pair) float64 { return perRow(p.ours, many.rows) }).median(),
		floor: each(pairs, func(p pair) float64 { return perRow(p.floor, few.rows) }).median(),
		ratio: each(pairs, func(p pair) float64 { return perRow(p.ours, many.rows) / perRow(p.floor, few.rows) }),
	})
	return nil
}

// grouper returns runs of s3grouper on an inventory.
func (r *runner) grouper(inv inventory) program {
	return func(ctx context.Context) (usage, error) {
		r.runs++
		if _, err := r.running.counts(); err != nil {
			return usage{}, err
		}
		u, err := measure(ctx, r.running.environment(), filepath.Join(r.bin, "s3grouper"),
			"-m", "s3://"+inv.report, "-b", "manifests", "-p", r.prefix())
		if err != nil {
			return u, err
		}
		r.peak.grouper, r.peak.disk = max(r.peak.grouper, u.memory), max(r.peak.disk, u.disk)
		made, err := r.running.counts()
		if want := int64(inv.rows+rowsPerManifest-1) / rowsPerManifest; err == nil && made.Puts != want {
			err = fmt.Errorf("%d manifests of %d rows, want %d: %s", made.Puts, inv.rows, want, u.message)
		}
		return u, err
	}
}
