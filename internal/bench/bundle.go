package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"s3bundler/internal/archive"
	"s3bundler/internal/layout"
)

// key is what object i is called, here and in the floor.
func key(i int) string { return fmt.Sprintf("logs/%03d/obj-%06d.bin", i%1000, i) }

// bundle is bundleTo a bucket that keeps nothing.
func (r *runner) bundle(ctx context.Context, bucket string, objects int, size int64, flags ...string) (program, error) {
	return r.bundleTo(ctx, "archive", bucket, objects, size, flags...)
}

// bundleTo stores a manifest of objects of a bucket, and returns runs of
// s3bundler on it, each with an archive of its own in the bucket to. They fail
// where the archive lacks an object.
func (r *runner) bundleTo(ctx context.Context, to, bucket string, objects int, size int64, flags ...string) (program, error) {
	var manifest bytes.Buffer
	for i := range objects {
		fmt.Fprintf(&manifest, "%s,%s,%d\n", bucket, key(i), size)
	}
	name := "kept/" + bucket + ".index"
	if err := r.running.put(ctx, name, manifest.Bytes()); err != nil {
		return nil, err
	}
	compressed := len(flags) > 0 && flags[0] == "-c"
	return func(ctx context.Context) (usage, error) {
		r.runs++
		args := append([]string{"-m", "s3://" + name, "-b", to, "-p", r.prefix()}, flags...)
		u, err := measure(ctx, r.running.environment(), filepath.Join(r.bin, "s3bundler"), args...)
		if err != nil {
			return u, err
		}
		r.peak.bundler, r.peak.disk = max(r.peak.bundler, u.memory), max(r.peak.disk, u.disk)
		at := layout.In(to, r.prefix()).Archive(bucket, bucket, compressed)
		stored, err := r.running.size(ctx, at.Bucket+"/"+at.Key)
		if err != nil {
			return u, err
		}
		if want := tarSize(bucket, objects, size); !compressed && stored != want {
			return u, fmt.Errorf("%s has %d bytes, want %d: %s", at, stored, want, u.message)
		}
		if !strings.Contains(u.message, "deadletters=0\n") {
			return u, fmt.Errorf("not all objects are in %s: %s", at, u.message)
		}
		return u, nil
	}, nil
}

// prefix is where the last run's archive is.
func (r *runner) prefix() string { return fmt.Sprint("run-", r.runs) }

// lastModified is that of all objects of the stub.
var lastModified = time.Date(2017, time.March, 30, 18, 6, 0, 0, time.UTC)

// tarSize is that of an archive of objects.
func tarSize(bucket string, objects int, size int64) (n int64) {
	var header []byte
	for i := range objects {
		header = archive.AppendHeader(header[:0], archive.MemberName(bucket, key(i)), size, lastModified)
		n += int64(len(header)) + size + int64(archive.Padding(size))
	}
	return n + 1024
}
