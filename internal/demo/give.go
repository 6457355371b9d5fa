package main

import (
	"context"
	"fmt"
	"path"
	"strings"
)

// give gets objects back out of the archives: one, and all.
func (w *world) give(ctx context.Context) error {
	w.say("Are the archives whole, and of what the source still holds?")
	if err := w.run(ctx, "s3bundler", "verify", "s3://"+plainBucket+"/archive/", "--source", "--manifests", "s3://"+plainBucket+"/manifests/"); err != nil {
		return err
	}
	w.say("Where is an object, and how does it begin?")
	if err := w.lookInto(ctx, "*app-00017.log"); err != nil {
		return err
	}
	w.say("All objects back, into empty buckets")
	if err := w.run(ctx, "s3bundler", "restore", "s3://"+plainBucket+"/archive/", "--to", "s3://"+restoredBucket); err != nil {
		return err
	}
	if err := w.run(ctx, "s3bundler", "restore", "s3://"+gzipBucket+"/archive/", "--to", "s3://"+restoredGzipBucket); err != nil {
		return err
	}
	w.say("Are they what they were?")
	for _, bucket := range []string{restoredBucket, restoredGzipBucket} {
		if err := w.compareBucket(bucket); err != nil {
			return err
		}
	}
	w.say("And into folders")
	folders := map[string]string{plainBucket: path.Join(w.out, "restored"), gzipBucket: path.Join(w.out, "restored-gzip")}
	for _, bucket := range []string{plainBucket, gzipBucket} {
		if err := w.run(ctx, "s3bundler", "restore", "s3://"+bucket+"/archive/", "--to", folders[bucket], "--escape"); err != nil {
			return err
		}
	}
	w.say("Are they what they were?")
	for _, bucket := range []string{plainBucket, gzipBucket} {
		if err := w.compareFolder(folders[bucket]); err != nil {
			return err
		}
	}
	return nil
}

// lookInto finds the one object that a glob matches, and shows how it begins.
func (w *world) lookInto(ctx context.Context, glob string) error {
	found, err := w.output(ctx, "s3bundler", "find", glob, "--archives", "s3://"+gzipBucket+"/archive/")
	if err != nil {
		return err
	}
	// A line of headings, and one with time, size, index and key.
	fields := strings.Fields(found[strings.IndexByte(found, '\n')+1:])
	if len(fields) != 5 {
		return fmt.Errorf("%s is found %q", glob, found)
	}
	index, key := fields[3], fields[4]
	begin, err := w.output(ctx, "s3bundler", "cat", index, key, "--range", "0-69")
	if err != nil {
		return err
	}
	for _, p := range w.objects {
		if p.key == key && begin == string(p.content()[:70]) {
			return nil
		}
	}
	return fmt.Errorf("%s does not begin with %q", key, begin)
}
