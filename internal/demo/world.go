package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
)

// The buckets of the demo.
const (
	sourceBucket       = "web"
	inventoryBucket    = "inventory"
	plainBucket        = "plain"
	gzipBucket         = "gzip"
	restoredBucket     = "restored"
	restoredGzipBucket = "restored-gzip"
)

// maxSize is what the demo tells s3bundler: small, so that one object can be
// above it and the demo stays quick.
const maxSize = 24 * object.MiB

// world is the local S3 and what is known of it.
type world struct {
	*transcript
	server    *sandbox.Server
	queues    *sandbox.Queues
	bin, out  string
	log       *os.File  // what the commands log
	objects   []planted // in the order of the inventory
	anArchive string    // a file to look at
	steps     int
}

func newWorld(t *transcript, bin, out string) (*world, error) {
	queues := sandbox.NewQueues(sandbox.QueueOptions{})
	server, err := sandbox.Start(sandbox.Options{Queues: queues})
	if err != nil {
		return nil, err
	}
	w := &world{transcript: t, server: server, queues: queues, bin: bin, out: out}
	for _, b := range []string{sourceBucket, inventoryBucket, plainBucket, gzipBucket, restoredBucket, restoredGzipBucket} {
		if err := server.CreateBucket(b, sandbox.BucketOptions{}); err != nil {
			return nil, errors.Join(err, server.Close())
		}
	}
	if w.log, err = os.Create(filepath.Join(out, "log.txt")); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return w, nil
}

func (w *world) close() {
	if err := errors.Join(w.server.Close(), w.log.Close()); err != nil {
		fmt.Fprintln(os.Stderr, "demo: the local S3:", err)
	}
}

// say begins a step.
func (w *world) say(format string, args ...any) {
	w.steps++
	w.step(w.steps, fmt.Sprintf(format, args...))
}

// run runs one of the built commands, as a user would, against the local S3,
// and prints what it prints.
func (w *world) run(ctx context.Context, name string, args ...string) error {
	_, err := w.output(ctx, name, args...)
	return err
}

// output returns standard output besides. Of the log, which goes to a file,
// only the last line is printed: the summary.
func (w *world) output(ctx context.Context, name string, args ...string) (stdout string, err error) {
	w.transcript.command(name, args...)
	cmd := w.command(ctx, name, args...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err = cmd.Run()
	fmt.Fprintf(w.log, "$ %s\n%s", strings.Join(cmd.Args, " "), log.Bytes())
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", name, err, out.Bytes(), log.Bytes())
	}
	for _, text := range []string{out.String(), lastLine(log.String())} {
		for line := range strings.Lines(text) {
			w.result(strings.TrimRight(line, "\n"))
		}
	}
	return out.String(), nil
}

func lastLine(s string) string {
	s = strings.TrimRight(s, "\n")
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// command is a command with the local S3 for AWS. The environment's own
// settings for AWS are kept away from it.
func (w *world) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	path, err := filepath.Abs(filepath.Join(w.bin, name))
	if err != nil {
		path = filepath.Join(w.bin, name)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env,
		"AWS_ENDPOINT_URL="+w.server.URL(), "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=demo", "AWS_SECRET_ACCESS_KEY=demo",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
	return cmd
}
