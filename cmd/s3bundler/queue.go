package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"s3bundler/internal/aws"
	"s3bundler/internal/bundler"
	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/health"
	"s3bundler/internal/metrics"
	"s3bundler/internal/spot"
)

// queueOptions are the flags that go with -q.
type queueOptions struct {
	name       string
	messages   int
	grace      time.Duration
	metrics    string
	healthAddr string
}

const (
	emf       = "emf"
	noMetrics = "none"
)

func defaultQueueOptions() queueOptions {
	return queueOptions{messages: bundler.DefaultMessages, grace: bundler.DefaultGrace, metrics: noMetrics}
}

func (q *queueOptions) add(fs *pflag.FlagSet) {
	fs.IntVarP(&q.messages, "max-messages", "n", q.messages, "with -q: end after `N` messages for each worker; 0 goes on for ever")
	fs.DurationVar(&q.grace, "grace-period", q.grace, "with -q: how `LONG` the work in hand may go on after SIGTERM, SIGINT or a Spot notice")
	fs.StringVar(&q.metrics, "metrics", q.metrics, "with -q: write metrics to standard output in this `FORMAT`: emf (CloudWatch's embedded metric format) or none")
	fs.StringVar(&q.healthAddr, "health-addr", "", "with -q: answer health checks at this `ADDRESS`, host:port or unix:PATH, under "+health.Path)
}

func (q *queueOptions) check(fs *pflag.FlagSet) error {
	for _, name := range []string{"max-messages", "grace-period", "metrics", "health-addr"} {
		if q.name == "" && fs.Changed(name) {
			return cli.Usagef("--%s goes with -q", name)
		}
	}
	switch {
	case q.metrics != emf && q.metrics != noMetrics:
		return cli.Usagef("--metrics %q is neither emf nor none", q.metrics)
	case q.messages < 0 || q.grace < 0:
		return cli.Usagef("--max-messages and --grace-period must not be below 0")
	}
	return nil
}

// serve works on the queue until it is stopped or has had enough messages.
func (o *options) serve(cmd *cobra.Command) error {
	err := o.work(cmd)
	ctx := cmd.Context()
	switch {
	case err != nil && (ctx.Err() == nil || !errors.Is(err, context.Canceled)):
		return err
	case cli.Terminated(ctx): // has drained, as it was told
		return nil
	default:
		return context.Cause(ctx)
	}
}

func (o *options) work(cmd *cobra.Command) error {
	began := time.Now()
	limitHeap(o.Memory)
	cfg, err := o.load(cmd.Context())
	if err != nil {
		return err
	}
	q, err := aws.OpenQueue(cmd.Context(), cfg, o.queue.name)
	if err != nil {
		// Whatever SQS says, the queue cannot be used.
		return &fault.Error{Kind: fault.Usage, Err: err}
	}
	s3 := aws.NewS3(cfg)
	defer s3.Close()
	console := o.Console(cmd)
	b := bundler.New(s3, o.Options, console.Log)
	opt := bundler.QueueOptions{Messages: o.queue.messages, Grace: o.queue.grace, Metrics: o.queue.newMetrics(console.Output(cmd.OutOrStdout()))}
	if addr := o.queue.healthAddr; addr != "" {
		opt.Health = health.New(health.DefaultQuiet)
		_, stop, err := health.Serve(cmd.Context(), addr, opt.Health)
		if err != nil {
			return err
		}
		defer stop()
	}
	watch := spot.Detect()
	watch.Log = console.Log
	ctx, stopWatch := spot.Watch(cmd.Context(), watch)
	defer stopWatch()

	sum := tally{letters: map[fault.Reason]int64{}}
	opt.Done = func(r bundler.Result) { sum.add(r, nil) }
	stop := console.Progress(func() cli.Snapshot { return snapshot(&b.Progress) })
	err = b.Work(ctx, q, opt)
	stop()
	console.Summarize(sum.summary(time.Since(began)))
	return err
}

// newMetrics is nil where none are wanted.
func (q *queueOptions) newMetrics(stdout io.Writer) *metrics.Metrics {
	if q.metrics == noMetrics {
		return nil
	}
	return metrics.New(stdout)
}
