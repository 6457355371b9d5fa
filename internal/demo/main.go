// Demo runs the whole product on one machine: a local S3 is filled with a
// bucket of all sorts of objects and an inventory of it, the built commands do
// their work as a user would have them do it, every object is looked for in
// what they left, and given back to be compared with its source.
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
	readme := flag.String("readme", "", "`FILE` between whose marks the output is put, too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	t := &transcript{w: os.Stdout}
	err := demonstrate(ctx, t, *bin, *out, *objects)
	stop()
	if err == nil && *readme != "" {
		err = t.putInto(*readme)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demonstrate(ctx context.Context, t *transcript, bin, out string, objects int) error {
	began := time.Now()
	if err := clear(out); err != nil {
		return err
	}
	w, err := newWorld(t, bin, out)
	if err != nil {
		return err
	}
	defer w.close()

	if err := w.archive(ctx, objects); err != nil {
		return err
	}
	if err := w.give(ctx); err != nil {
		return err
	}
	t.print("")
	t.print(fmt.Sprintf("Done in %.1f s. Look around in %s, for example:", time.Since(began).Seconds(), out))
	t.command("tar", "tvf", w.anArchive)
	return nil
}

// archive makes archives of a bucket's objects, plain and compressed.
func (w *world) archive(ctx context.Context, objects int) error {
	w.say("A local S3, and a bucket of all sorts of objects")
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
	if err := w.run(ctx, "s3grouper", "-m", report, "-b", plainBucket, "-p", "manifests", "-c", fmt.Sprint(objects/4)); err != nil {
		return err
	}
	w.say("The manifests become archives")
	if err := w.run(ctx, "s3bundler", "-m", "s3://"+plainBucket+"/manifests/", "-b", plainBucket, "-p", "archive",
		"-s", maxSize.String()); err != nil {
		return err
	}

	w.say("What is in s3://%s now", plainBucket)
	if err := w.export(plainBucket); err != nil {
		return err
	}
	w.say("Is every row of the inventory there, once, byte for byte?")
	if err := w.account(plainBucket); err != nil {
		return err
	}

	w.say("The same compressed, with a queue: S3 fills it, two workers empty it")
	if err := w.workQueue(ctx, report, objects/8); err != nil {
		return err
	}
	w.say("Is every row there, once, byte for byte?")
	return w.account(gzipBucket)
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
