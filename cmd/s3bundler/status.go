package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"s3bundler/internal/aws"
	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/status"
)

const statusDescription = `Tell how far the manifests below a prefix are archived.

A manifest counts as archived if a worker would pass it over: archive, index
and dead letters of this very content are there and belong together.

What it costs: one LIST for every 1,000 keys below each prefix (copies of big
objects are among those of the archives), one HEAD for each index, one GET for
each dead-letter index, and 32 GETs of 64 KiB to estimate objects and bytes;
with --exact one GET for each manifest, whole. 10,000 manifests are some 10,050
requests, less than a US cent. --watch asks again only for what is new. The
queue costs two or three requests.

The rate is that of the last tenth of the manifests, by the times of their
indexes. How long a manifest took is known of archives stored as multipart
uploads, which S3 dates by their start: those of more than one part.`

const statusExamples = `  s3bundler status --manifests s3://my-archive/manifests/ --archives s3://my-archive/archive --queue manifests

  # a live view, and a page for others
  s3bundler status --manifests s3://my-archive/manifests/ --archives s3://my-archive/archive --watch --html status.html`

type statusOptions struct {
	reading
	status.Options
	queue string
	json  bool
	watch bool
	every time.Duration
	html  string
}

func newStatus() *cobra.Command {
	o := statusOptions{Options: status.Options{Fields: manifest.DefaultFields()}}
	cmd := &cobra.Command{
		Use:                   "status --manifests s3://BUCKET/PREFIX/ --archives s3://BUCKET/PREFIX [flags]",
		Short:                 "Tell how far manifests are archived",
		Long:                  statusDescription,
		Example:               statusExamples,
		Args:                  cobra.NoArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkPlaces(o.Options); err != nil {
				return err
			}
			if o.every < time.Second {
				return cli.Usagef("--every must be at least 1s")
			}
			return o.run(cmd)
		},
	}
	fs := cmd.Flags()
	addPlaces(cmd, &o.Options)
	fs.StringVarP(&o.queue, "queue", "q", "", "look at this SQS `QUEUE` too, and its dead-letter queue: a name, URL or ARN")
	fs.BoolVar(&o.Exact, "exact", false, "read all manifests, to count objects and bytes instead of estimating them")
	fs.BoolVar(&o.json, "json", false, "print the report as JSON")
	fs.BoolVar(&o.watch, "watch", false, "look again and again, until all is archived")
	fs.DurationVar(&o.every, "every", 10*time.Second, "with --watch: `HOW` often")
	fs.StringVar(&o.html, "html", "", "write the report to this `FILE` too, as one page for a browser")
	o.add(cmd, status.DefaultReaders, "send up to `N` requests at once")
	cli.Exits(cmd, fault.Read, fault.Download, fault.API)
	return cmd
}

// addPlaces adds the flags that say where manifests and archives are.
func addPlaces(cmd *cobra.Command, o *status.Options) {
	fs := cmd.Flags()
	fs.Var(cli.PrefixURI(&o.Manifests), "manifests", "the prefix of the manifests")
	fs.Var(cli.PrefixURI(&o.Archives), "archives", "the prefix of the archives, as -b and -p of the workers say")
	fs.VarP(&o.Fields, "fieldnames", "f", "the manifests' columns, as s3grouper was told")
}

func checkPlaces(o status.Options) error {
	switch {
	case o.Manifests == object.Location{}:
		return cli.Usagef("which manifests? name their prefix: --manifests s3://BUCKET/PREFIX/")
	case o.Archives == object.Location{}:
		return cli.Usagef("which archives? name their prefix: --archives s3://BUCKET/PREFIX")
	}
	return nil
}

func (o *statusOptions) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	cfg, err := o.config(ctx)
	if err != nil {
		return err
	}
	s3 := aws.NewS3(cfg)
	defer s3.Close()
	con := o.Console(cmd)
	var queues queues
	if o.queue != "" {
		if queues, err = openQueues(ctx, cfg, o.queue, con.Log); err != nil {
			return err
		}
	}
	o.Readers = o.inFlight
	survey := status.New(s3, o.Options)
	show := o.shower(cmd.OutOrStdout())
	for {
		found, err := survey.Look(ctx)
		if err != nil {
			return err
		}
		r := found.Report(o.Options)
		if r.Queue, err = queues.depth(ctx); err != nil {
			return err
		}
		if err := show(r); err != nil {
			return err
		}
		if !o.watch || r.Count.Left == 0 {
			return nil
		}
		select {
		case <-time.After(o.every):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// shower returns what shows a report.
func (o *statusOptions) shower(w io.Writer) func(*status.Report) error {
	live := o.watch && isTerminal(w)
	return func(r *status.Report) error {
		var text []byte
		switch {
		case o.json:
			line, err := json.Marshal(r)
			if err != nil {
				return err
			}
			text = append(line, '\n')
		case live:
			// To the upper left, and all below it erased.
			text = []byte("\x1b[H\x1b[2J" + r.At.Format(time.DateTime) + " UTC\n\n" + r.Text())
		default:
			text = []byte(r.Text())
			if o.watch {
				text = append([]byte(r.At.Format(time.DateTime)+" UTC\n"), append(text, '\n')...)
			}
		}
		if _, err := w.Write(text); err != nil {
			return printed(err)
		}
		if o.html == "" {
			return nil
		}
		var refresh time.Duration
		if o.watch && r.Count.Left > 0 {
			refresh = o.every
		}
		return writePage(o.html, r, refresh)
	}
}

// queues are the one that manifests wait in, and its dead-letter queue. The
// zero value is that of a command that was told none.
type queues struct{ work, dead *aws.Queue }

// openQueues finds both. That the dead-letter queue cannot be read is logged.
func openQueues(ctx context.Context, cfg aws.Config, name string, log *slog.Logger) (q queues, err error) {
	if q.work, err = aws.OpenQueue(ctx, cfg, name); err != nil {
		return q, err
	}
	if arn := q.work.DeadLetters(); arn != "" {
		if q.dead, err = aws.OpenQueue(ctx, cfg, arn); err != nil {
			if ctx.Err() != nil {
				return q, err
			}
			log.Warn("cannot look at the dead-letter queue", "err", err)
			q.dead = nil
		}
	}
	return q, nil
}

func (q queues) depth(ctx context.Context) (*status.Queue, error) {
	if q.work == nil {
		return nil, nil
	}
	d, err := q.work.Depth(ctx)
	if err != nil {
		return nil, err
	}
	s := &status.Queue{Name: q.work.String(), Waiting: status.Waiting(d), InWork: d.InFlight}
	if q.dead != nil {
		d, err := q.dead.Depth(ctx)
		if err != nil {
			return nil, err
		}
		s.DeadLetterQueue = &status.DeadLetterQueue{Name: q.dead.String(), Messages: status.Waiting(d) + d.InFlight}
	}
	return s, nil
}
