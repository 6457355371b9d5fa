package main

import (
	"context"
	"fmt"
	"strings"
)

// work is something to measure; do adds its rows.
type work struct {
	title string
	do    func(ctx context.Context, title string) error
}

func (r *runner) works() []work {
	n := count(r.objects)
	return []work{
		{n + " × 10 KB", r.small},
		{n + " × 10 KB, " + fmt.Sprint(r.firstByte.Milliseconds()) + " ms to the first byte", r.delayed},
		{count(r.medium) + " × " + short10(r.mediumSize), r.relay(r.medium, r.mediumSize, "")},
		{count(r.medium) + " × " + short10(r.mediumSize) + ", multipart", r.relay(r.medium, r.mediumSize, "-multipart")},
		{count(r.large) + " × " + short10(r.largeSize), r.relay(r.large, r.largeSize, "")},
		{count(r.large) + " × " + short10(r.largeSize) + ", multipart", r.relay(r.large, r.largeSize, "-multipart")},
		{"gzip, log lines", r.compress(logLines)},
		{"gzip, source code", r.compress(sourceCode)},
		{"s3grouper, " + count(r.rows) + " rows", r.group},
		{"restore, " + n + " × 10 KB", r.restore},
		{"find, " + count(r.indexes) + " indexes of " + count(r.indexRows) + " rows", r.find},
	}
}

// small is about the cost of an object.
func (r *runner) small(ctx context.Context, title string) error {
	bucket := fmt.Sprint("bin-", smallSize)
	if err := r.use(ctx, 0, "", bucket); err != nil {
		return err
	}
	bundle, err := r.bundle(ctx, bucket, r.objects, smallSize)
	if err != nil {
		return err
	}
	pairs, err := r.measurePairs(ctx, bundle, r.floor("get", bucket, r.objects, smallSize, r.inFlight))
	if err != nil {
		return err
	}
	n := float64(r.objects)
	r.results = append(r.results,
		compare(title, "CPU per object", microseconds, atMost(1.5), pairs, func(u usage) float64 { return u.cpu.Seconds() * 1e6 / n }),
		compare(title, "objects/s", perSecond, atLeast(0.6), pairs, func(u usage) float64 { return rate(n, u.wall) }))
	r.cost.bundling(pairs, n)
	if _, err := r.running.counts(); err != nil {
		return err
	}
	if _, err := bundle(ctx); err != nil { // once more, alone, to count its requests
		return err
	}
	r.cost.requests, err = r.running.counts()
	r.cost.objects = n
	return err
}

// delayed is about waiting for answers.
func (r *runner) delayed(ctx context.Context, title string) error {
	bucket := fmt.Sprint("bin-", smallSize)
	if err := r.use(ctx, r.firstByte, "", bucket); err != nil {
		return err
	}
	bundle, err := r.bundle(ctx, bucket, r.objects, smallSize)
	if err != nil {
		return err
	}
	pairs, err := r.measurePairs(ctx, bundle, r.floor("get", bucket, r.objects, smallSize, r.inFlight))
	if err != nil {
		return err
	}
	speed := compare(title, "objects/s", perSecond, atLeast(0.9), pairs, func(u usage) float64 { return rate(float64(r.objects), u.wall) })
	r.results = append(r.results, speed)
	r.cost.delayed = speed.ours
	if speed.floor >= 6000 {
		r.results = append(r.results, row{work: title, what: "objects/s, where the floor has 6,000", unit: perSecond, ours: speed.ours, bound: atLeast(5000)})
	}
	return nil
}

// relay is about bytes per second, with objects of size bytes in buckets whose
// names end in suffix.
func (r *runner) relay(objects int, size int64, suffix string) func(ctx context.Context, title string) error {
	return func(ctx context.Context, title string) error {
		bucket := fmt.Sprint("bin-", size, suffix)
		if err := r.use(ctx, 0, "", bucket); err != nil {
			return err
		}
		bundle, err := r.bundle(ctx, bucket, objects, size)
		if err != nil {
			return err
		}
		pairs, err := r.measurePairs(ctx, bundle, r.floor("relay", bucket, objects, size, relayed))
		if err != nil {
			return err
		}
		n := float64(objects) * float64(size)
		r.results = append(r.results,
			compare(title, "bytes/s", bytesPerSecond, atLeast(0.8), pairs, func(u usage) float64 { return rate(n, u.wall) }),
			compare(title, "CPU per GB", seconds, bound{none: true}, pairs, func(u usage) float64 { return u.cpu.Seconds() * 1e9 / n }))
		return nil
	}
}

// count writes a number as people do.
func count[N int | int64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// short10 writes a round number of bytes in powers of ten.
func short10(n int64) string {
	for _, unit := range []string{"bytes", "KB", "MB", "GB"} {
		if n < 1000 {
			return fmt.Sprint(n, " ", unit)
		}
		n /= 1000
	}
	return strings.TrimSpace(fmt.Sprint(n, " TB"))
}
