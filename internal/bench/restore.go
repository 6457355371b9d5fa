package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"s3bundler/internal/layout"
)

// restore is about giving small objects back to a bucket: beside a loop of
// signed PUTs of the same objects, with as many in flight.
func (r *runner) restore(ctx context.Context, title string) error {
	bucket := fmt.Sprint("bin-", smallSize)
	if err := r.use(ctx, 0, "", bucket); err != nil {
		return err
	}
	bundle, err := r.bundleTo(ctx, "kept-archive", bucket, r.objects, smallSize)
	if err != nil {
		return err
	}
	if _, err := bundle(ctx); err != nil {
		return err
	}
	index := layout.In("kept-archive", r.prefix()).Index(bucket, bucket)
	pairs, err := r.measurePairs(ctx, func(ctx context.Context) (usage, error) {
		r.runs++
		u, err := measure(ctx, r.running.environment(), filepath.Join(r.bin, "s3bundler"), "restore", index.String(), "--to", "s3://restored/"+r.prefix())
		if err == nil && !strings.Contains(u.message, count(r.objects)+" objects,") {
			err = fmt.Errorf("not all objects were restored: %s", u.message)
		}
		return u, err
	}, r.floor("put", bucket, r.objects, smallSize, r.inFlight/2))
	if err != nil {
		return err
	}
	n := float64(r.objects)
	r.results = append(r.results,
		compare(title, "CPU per object", microseconds, atMost(1.5), pairs, func(u usage) float64 { return u.cpu.Seconds() * 1e6 / n }),
		compare(title, "objects/s", perSecond, atLeast(0.6), pairs, func(u usage) float64 { return rate(n, u.wall) }),
		row{
			work: title, what: "resident memory", unit: size, bound: atMost(256 << 20),
			ours: each(pairs, func(p pair) float64 { return float64(p.ours.memory) }).median(),
		})
	return nil
}
