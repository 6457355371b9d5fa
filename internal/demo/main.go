// Demo runs the whole product on one machine: a local S3 is filled with a
// bucket of all sorts of objects and an inventory of it, the built commands do
// their work as a user would have them do it, and every object is looked for
// in what they left.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	bin := flag.String("bin", "bin", "`FOLDER` of the built commands")
	out := flag.String("out", "demo-out", "`FOLDER` for what the demo leaves; it is made anew")
	objects := flag.Int("objects", 5000, "`N` ordinary objects in the source bucket")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := demonstrate(ctx, *bin, *out, *objects)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demonstrate(ctx context.Context, bin, out string, objects int) error {
	began := time.Now()
	if err := clear(out); err != nil {
		return err
	}
	w, err := newWorld(out)
	if err != nil {
		return err
	}
	defer w.close()

	w.say("A local S3 at %s, and a bucket of all sorts of objects", w.server.URL())
	if err := w.fill(objects); err != nil {
		return err
	}
	report, err := w.takeInventory()
	if err != nil {
		return err
	}
	if err := w.deleteOne(); err != nil {
		return err
	}

	w.say("Its inventory becomes manifests")
	if err := w.run(ctx, bin, "s3grouper", "-m", report, "-b", archiveBucket, "-p", "manifests", "-c", fmt.Sprint(objects/4)); err != nil {
		return err
	}
	w.say("The manifests become archives")
	if err := w.run(ctx, bin, "s3bundler", "-m", "s3://"+archiveBucket+"/manifests/", "-b", archiveBucket, "-p", "archive",
		"-s", maxSize.String()); err != nil {
		return err
	}

	w.say("What they left")
	if err := w.export(archiveBucket); err != nil {
		return err
	}
	w.say("Is every row of the inventory there, once, byte for byte?")
	if err := w.account(archiveBucket); err != nil {
		return err
	}

	w.say("The same by a queue, compressed: S3 tells it of new manifests, two workers empty it")
	if err := w.workQueue(ctx, bin, report, objects/8); err != nil {
		return err
	}
	w.say("Is every row there, once, byte for byte?")
	if err := w.account(queueBucket); err != nil {
		return err
	}
	fmt.Printf("\nDone in %.1f s. Look into %s, for example:\n    tar tvf %s | head\n",
		time.Since(began).Seconds(), out, w.anArchive)
	return nil
}

// clear makes an empty folder of out. What it removes must be a demo's: the
// name may have been mistyped.
func clear(out string) error {
	mark := filepath.Join(out, ".demo")
	entries, err := os.ReadDir(out)
	if err == nil && len(entries) > 0 {
		if _, err := os.Stat(mark); err != nil {
			return fmt.Errorf("%s holds something that no demo has left: name another folder with -out", out)
		}
		if err := os.RemoveAll(out); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o644)
}
