package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"s3bundler/internal/aws"
	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/status"
)

const redriveDescription = `Send manifests that are not archived to the queue again.

These are the manifests below --manifests that status counts as left. As those
that wait or are in work are left too, the queue must be empty, unless --anyway
is given; to send one twice costs time, but does no harm.

With --dlq the objects that a dead-letter index lists are tried again: they
become a manifest beside it, <name>.retry-<digest>.index, whose archive has a
name of its own. Its columns must be those that the workers' -f names: give the
same here, unless it is Bucket Key Size, or these and VersionId.
Where the bucket itself tells the queue of new manifests, as the stack's does,
leave --queue out: the manifest is only stored, and its event sends it.`

const redriveExamples = `  # what would be sent
  s3bundler redrive --manifests s3://my-archive/manifests/ --archives s3://my-archive/archive --queue manifests --dry-run

  # all objects that S3 throttled, or that had to be restored first
  s3bundler redrive --dlq s3://my-archive/manifests/ --reason Retry,Glacier`

type redriveOptions struct {
	reading
	status.Options
	queue   string
	dlq     []object.Location
	reasons []string
	dryRun  bool
	anyway  bool
}

func newRedrive() *cobra.Command {
	o := redriveOptions{Options: status.Options{Fields: manifest.DefaultFields()}}
	cmd := &cobra.Command{
		Use:                   "redrive {--manifests s3://BUCKET/PREFIX/ --archives s3://BUCKET/PREFIX --queue QUEUE | --dlq s3://BUCKET/KEY} [flags]",
		Short:                 "Send failed manifests or dead letters to the queue again",
		Long:                  redriveDescription,
		Example:               redriveExamples,
		Args:                  cobra.NoArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return o.run(cmd)
		},
	}
	fs := cmd.Flags()
	addPlaces(cmd, &o.Options)
	fs.Lookup("fieldnames").Usage = "with --dlq: the columns to write, as the workers' -f names them"
	fs.StringVarP(&o.queue, "queue", "q", "", "send to this SQS `QUEUE`: its name, URL or ARN")
	fs.Var(cli.URIs(&o.dlq), "dlq", "a dead-letter index, or all below a prefix that ends in /; may be repeated")
	fs.StringSliceVar(&o.reasons, "reason", nil, "with --dlq: only objects with these `REASONS` (default: all but BadRow)")
	fs.BoolVar(&o.dryRun, "dry-run", false, "print what would be sent, and change nothing")
	fs.BoolVar(&o.anyway, "anyway", false, "send manifests although the queue is not empty")
	o.add(cmd, status.DefaultReaders, "send up to `N` requests at once")
	cli.Exits(cmd, fault.Read, fault.Upload, fault.Download, fault.API)
	return cmd
}

func (o *redriveOptions) check() error {
	if len(o.dlq) == 0 {
		if len(o.reasons) > 0 {
			return cli.Usagef("--reason goes with --dlq")
		}
		if o.queue == "" && !o.dryRun {
			return cli.Usagef("where to? name the queue: --queue QUEUE")
		}
		return checkPlaces(o.Options)
	}
	for _, r := range o.reasons {
		if !slices.Contains(fault.Reasons(), fault.Reason(r)) {
			return cli.Usagef("--reason %s: the reasons are %v", r, fault.Reasons())
		}
	}
	none := object.Location{}
	if o.Manifests != none || o.Archives != none {
		return cli.Usagef("--dlq goes without --manifests and --archives")
	}
	for _, l := range o.dlq {
		if l.Key != "" && !strings.HasSuffix(l.Key, "/") && !strings.HasSuffix(l.Key, status.LettersEnding) {
			return cli.Usagef("%s is no dead-letter index: its name ends in %s; a prefix ends in /", l, status.LettersEnding)
		}
	}
	return nil
}

func (o *redriveOptions) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	cfg, err := o.config(ctx)
	if err != nil {
		return err
	}
	s3 := aws.NewS3(cfg)
	defer s3.Close()
	var q *aws.Queue
	if o.queue != "" {
		if q, err = aws.OpenQueue(ctx, cfg, o.queue); err != nil {
			return err
		}
	}
	con := o.Console(cmd)
	var fields manifest.Fields // of the dead letters' own, unless told
	if cmd.Flags().Changed("fieldnames") {
		fields = o.Fields
	}
	var todo []object.Location
	if len(o.dlq) > 0 {
		todo, err = o.retries(ctx, s3, con, fields)
	} else {
		todo, err = o.failed(ctx, s3, q)
	}
	if err != nil {
		return err
	}
	if err := listed(con.Output(cmd.OutOrStdout()), todo); err != nil {
		return err
	}
	switch {
	case o.dryRun:
		con.Notice(manifests(len(todo)) + " would be sent")
	case q == nil:
		con.Notice(manifests(len(todo)) + " stored")
	default:
		sent, err := status.Send(ctx, q, todo)
		con.Notice(fmt.Sprintf("%s sent to queue %s", manifests(sent), q))
		return err
	}
	return nil
}

func manifests(n int) string { return cli.Counted(n, "manifest", "manifests") }

// failed are the manifests that are not archived, if nobody has them in work.
func (o *redriveOptions) failed(ctx context.Context, s3 *aws.S3, q *aws.Queue) ([]object.Location, error) {
	if q != nil && !o.anyway && !o.dryRun {
		d, err := q.Depth(ctx)
		if err != nil {
			return nil, err
		}
		if n := status.Waiting(d) + d.InFlight; n > 0 {
			return nil, fault.New(fault.Usage, "redrive to", "queue "+q.String(), fmt.Errorf("it holds %s of manifests that are not archived yet", cli.Counted(n, "message", "messages")),
				"wait until it is empty, or give --anyway")
		}
	}
	o.Readers = o.inFlight
	return status.New(s3, o.Options).Failed(ctx)
}

// retries stores the dead letters as manifests.
func (o *redriveOptions) retries(ctx context.Context, s3 *aws.S3, con *cli.Console, fields manifest.Fields) ([]object.Location, error) {
	var reasons []fault.Reason
	for _, r := range o.reasons {
		reasons = append(reasons, fault.Reason(r))
	}
	var made []object.Location
	for l, err := range status.LettersBelow(ctx, s3, o.dlq) {
		if err != nil {
			return nil, err
		}
		r, err := status.NewRetry(ctx, s3, l, reasons, fields)
		if err != nil {
			return nil, err
		}
		con.Log.Info(fmt.Sprintf("%s: %s, %d left out", l, cli.Counted(r.Rows, "row", "rows"), r.LeftOut))
		if r.Rows == 0 {
			continue
		}
		if !o.dryRun {
			if err := r.Store(ctx, s3); err != nil {
				return nil, err
			}
		}
		made = append(made, r.Manifest)
	}
	return made, nil
}

// listed prints a line for each manifest.
func listed(w io.Writer, manifests []object.Location) error {
	for _, m := range manifests {
		if _, err := fmt.Fprintln(w, cli.OneLine(m.String())); err != nil {
			return printed(err)
		}
	}
	return nil
}
