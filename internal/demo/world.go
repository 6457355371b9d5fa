package main

import (
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
	sourceBucket    = "demo-source"
	inventoryBucket = "demo-inventory"
	archiveBucket   = "demo-archive"
	queueBucket     = "demo-archive-by-queue"
)

// maxSize is what the demo tells s3bundler: small, so that one object can be
// above it and the demo stays quick.
const maxSize = 24 * object.MiB

// world is the local S3 and what is known of it.
type world struct {
	server    *sandbox.Server
	queues    *sandbox.Queues
	out       string
	objects   []planted // in the order of the inventory
	anArchive string    // a file to look at
	steps     int
}

func newWorld(out string) (*world, error) {
	queues := sandbox.NewQueues(sandbox.QueueOptions{})
	server, err := sandbox.Start(sandbox.Options{Queues: queues})
	if err != nil {
		return nil, err
	}
	w := &world{server: server, queues: queues, out: out}
	for _, b := range []string{sourceBucket, inventoryBucket, archiveBucket, queueBucket} {
		if err := server.CreateBucket(b, sandbox.BucketOptions{}); err != nil {
			return nil, errors.Join(err, server.Close())
		}
	}
	return w, nil
}

func (w *world) close() {
	if err := w.server.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "demo: the local S3:", err)
	}
}

// say begins a step.
func (w *world) say(format string, args ...any) {
	w.steps++
	fmt.Printf("\n%d. %s\n", w.steps, fmt.Sprintf(format, args...))
}

// run runs one of the built commands, as a user would, against the local S3.
func (w *world) run(ctx context.Context, bin, name string, args ...string) error {
	fmt.Printf("   $ %s %s\n", name, strings.Join(args, " "))
	cmd := w.command(ctx, bin, name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// command is a command with the local S3 for AWS. The environment's own
// settings for AWS are kept away from it.
func (w *world) command(ctx context.Context, bin, name string, args ...string) *exec.Cmd {
	path, err := filepath.Abs(filepath.Join(bin, name))
	if err != nil {
		path = filepath.Join(bin, name)
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
