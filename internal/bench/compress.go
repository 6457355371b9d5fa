package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"s3bundler/internal/layout"
)

// compress is about gzip: s3bundler -c beside pigz on the tar that s3bundler
// writes without it. text makes what the objects are cut from.
func (r *runner) compress(text func(w io.Writer, size int) error) func(ctx context.Context, title string) error {
	return func(ctx context.Context, title string) error {
		for _, tool := range []string{"pigz", "gzip"} {
			if _, err := exec.LookPath(tool); err != nil {
				fmt.Fprintf(r.screen, "  left out: there is no %s here\n", tool)
				return nil
			}
		}
		corpus := filepath.Join(r.folder, "corpus")
		if err := writeFile(corpus, func(w io.Writer) error { return text(w, r.corpus) }); err != nil {
			return err
		}
		bucket := fmt.Sprint("text-", smallSize)
		if err := r.use(ctx, 0, corpus, bucket); err != nil {
			return err
		}
		tar := filepath.Join(r.folder, "plain.tar")
		plain, err := r.plainTar(ctx, bucket, tar)
		if err != nil {
			return err
		}
		bundle, err := r.bundle(ctx, bucket, r.text, smallSize, "-c")
		if err != nil {
			return err
		}
		pairs, err := r.measurePairs(ctx, bundle, func(ctx context.Context) (usage, error) {
			return measure(ctx, nil, "pigz", "-6", "-c", tar)
		})
		if err != nil {
			return err
		}
		ours, err := r.lastArchive(ctx, bucket)
		if err != nil {
			return err
		}
		theirs, err := gzipSize(ctx, tar)
		if err != nil {
			return err
		}
		n := float64(plain)
		r.results = append(r.results,
			compare(title, "bytes/s, beside pigz -6", bytesPerSecond, atLeast(0.9), pairs, func(u usage) float64 { return rate(n, u.wall) }),
			compare(title, "CPU per GB", seconds, bound{none: true}, pairs, func(u usage) float64 { return u.cpu.Seconds() * 1e9 / n }),
			row{work: title, what: "size, beside gzip -6", unit: size, ours: float64(ours), floor: float64(theirs),
				ratio: measured{float64(ours) / float64(theirs)}, bound: atMost(1.03)})
		return errors.Join(os.Remove(tar), os.Remove(corpus))
	}
}

// plainTar has s3bundler make the archive without compression, and saves it.
func (r *runner) plainTar(ctx context.Context, bucket, tar string) (int64, error) {
	plain, err := r.bundleTo(ctx, "kept-archive", bucket, r.text, smallSize)
	if err != nil {
		return 0, err
	}
	if _, err := plain(ctx); err != nil {
		return 0, err
	}
	at := layout.In("kept-archive", r.prefix()).Archive(bucket, bucket, false)
	err = writeFile(tar, func(w io.Writer) error { return r.running.save(ctx, at.Bucket+"/"+at.Key, w) })
	return tarSize(bucket, r.text, smallSize), err
}

// lastArchive is the size of the compressed archive of the last run.
func (r *runner) lastArchive(ctx context.Context, bucket string) (int64, error) {
	at := layout.In("archive", r.prefix()).Archive(bucket, bucket, true)
	return r.running.size(ctx, at.Bucket+"/"+at.Key)
}

// gzipSize is what gzip -6 makes of a file.
func gzipSize(ctx context.Context, path string) (int64, error) {
	cmd := exec.CommandContext(ctx, "gzip", "-6", "-c", path)
	var n counter
	cmd.Stdout = &n
	err := cmd.Run()
	return int64(n), err
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// writeFile makes a file of what write writes.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
