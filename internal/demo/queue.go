package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

const queueName = "demo-manifests"

// workQueue has s3grouper's manifests announced to a queue, as S3 does it, and
// two workers empty it.
func (w *world) workQueue(ctx context.Context, report string, rows int) error {
	if err := w.queues.Create(queueName, nil); err != nil {
		return err
	}
	lost := make(chan error, 1)
	w.server.Notify(gzipBucket, "manifests/", ".index", func(event string) {
		if err := w.queues.Send(queueName, event); err != nil {
			select {
			case lost <- err:
			default:
			}
		}
	})
	if err := w.run(ctx, "s3grouper", "-m", report, "-b", gzipBucket, "-p", "manifests", "-c", fmt.Sprint(rows)); err != nil {
		return err
	}
	args := []string{"-q", queueName, "-b", gzipBucket, "-p", "archive", "-s", maxSize.String(), "-c", "-n", "0", "--metrics", "none"}
	w.transcript.command("s3bundler", append(args, "&")...)
	ended := make(chan error, 2)
	workers, stop := context.WithCancel(ctx)
	defer stop()
	for range cap(ended) {
		cmd := w.command(workers, "s3bundler", args...)
		cmd.Stdout, cmd.Stderr = w.log, w.log
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		go func() { ended <- cmd.Run() }()
	}
	err := w.untilEmpty(ctx, ended, lost)
	stop() // the workers get a SIGTERM, as from ECS, and drain
	for range cap(ended) {
		if e := <-ended; e != nil && !errors.Is(e, context.Canceled) {
			err = errors.Join(err, fmt.Errorf("s3bundler: %w; see %s", e, w.log.Name()))
		}
	}
	return err
}

// untilEmpty waits until the queue has no message left.
func (w *world) untilEmpty(ctx context.Context, ended chan error, lost <-chan error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		depth, err := w.queues.Depth(queueName)
		if err != nil || depth.Visible+depth.InFlight+depth.Delayed == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-lost:
			return err
		case err := <-ended:
			ended <- nil
			return fmt.Errorf("a worker ended early: %w", errors.Join(err, errors.New("the queue is not empty")))
		case <-tick.C:
		}
	}
}
