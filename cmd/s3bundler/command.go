package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"s3bundler/internal/bundler"
	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
)

const description = `Pack the objects that manifests name into archives in S3.

Each manifest's objects go, in its order, into one tar at
s3://BUCKET/PREFIX/<hash>/<source bucket>/<name>.tar with an index beside it;
objects larger than --maxsize are copied inside S3. What cannot be read stands
in <manifest>.dlq, which is a manifest itself: run it again with
-f Bucket Key Size LastModifiedDate Reason, and VersionId behind them if the
manifest had that column.

Manifests come from -m: one object, or with a slash at the end all below it. A
manifest that is archived already is passed over, so the same command goes on
where it was stopped.

With -q they come from an SQS queue: S3's events, also through SNS or
EventBridge, or {"Bucket": B, "Key": K}. A message is deleted when the archives
of all its manifests are stored; if one fails, the message stays for the
queue's redrive policy, and the worker goes on. On SIGTERM, SIGINT and notice
that a Spot instance or its task will be stopped, the worker receives no more,
ends what it can within the grace period, and hands back the rest.`

const examples = `  # all manifests that s3grouper wrote
  s3bundler -m s3://archive/manifests/ -b archive -p archive

  # one, compressed
  s3bundler -m s3://archive/manifests/x-manifest.0.index -b archive -p archive -c

  # a worker, until it is stopped
  s3bundler -q manifests -b archive -p archive -n 0`

// spelling is what POSIX flags don't know and scripts hold.
func spelling() cli.Spelling {
	return cli.Spelling{Lists: []string{"-f", "--fieldnames"}}
}

// options are the command's flags.
type options struct {
	cli.Flags
	bundler.Options
	bucket, prefix string
	manifests      []object.Location
	queue          queueOptions
	requesterPays  bool
	sdkGet         bool
}

func newCommand() *cobra.Command {
	o := options{Options: bundler.Options{
		Fields:   manifest.DefaultFields(),
		MaxSize:  bundler.DefaultMaxSize,
		Memory:   bundler.DefaultMemory,
		InFlight: bundler.DefaultInFlight,
		Workers:  1,
	}, queue: defaultQueueOptions()}
	cmd := &cobra.Command{
		Use:                   "s3bundler {-m s3://BUCKET/KEY | -q QUEUE} -b BUCKET [flags]",
		Short:                 "Pack the objects that manifests name into archives in S3",
		Long:                  description,
		Example:               examples,
		Args:                  cobra.NoArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd.Flags()); err != nil {
				return err
			}
			if o.queue.name != "" {
				return o.serve(cmd)
			}
			return o.run(cmd)
		},
	}
	fs := cmd.Flags()
	fs.VarP(cli.URIs(&o.manifests), "manifest", "m", "a manifest, or all below a prefix that ends in /; may be repeated")
	fs.StringVarP(&o.queue.name, "queue", "q", "", "take manifests from this SQS `QUEUE`: its name, URL or ARN")
	fs.StringVarP(&o.bucket, "bucket", "b", "", "`BUCKET` for the archives")
	fs.StringVarP(&o.prefix, "prefix", "p", "", "`PREFIX` of the archives' keys")
	fs.VarP(&o.Fields, "fieldnames", "f", "the manifests' columns, as s3grouper was told")
	fs.VarP(&o.MaxSize, "maxsize", "s", "copy objects larger than this instead of archiving them")
	fs.BoolVarP(&o.Compress, "compress", "c", false, "compress archives with gzip, in blocks that can be read alone")
	fs.IntVar(&o.Workers, "workers", o.Workers, "work on `N` manifests at once, or on as many as --memory is enough for")
	fs.Var(&o.Memory, "memory", "hold so much of objects and archives in memory, in all workers together")
	fs.IntVar(&o.InFlight, "in-flight", o.InFlight, "send up to `N` GETs at once, in all workers together")
	fs.BoolVar(&o.requesterPays, "requester-pays", false, "agree to pay for requests to Requester Pays buckets")
	fs.BoolVar(&o.sdkGet, "sdk-get", false, "send GETs through the AWS SDK, to compare")
	_ = fs.MarkHidden("sdk-get") // it fails for unknown flags alone
	o.queue.add(fs)
	o.Add(cmd)
	cmd.AddCommand(newHealthCheck())
	cmd.AddCommand(newList(), newFind(), newCat(), newRestore())
	cmd.AddCommand(newStatus())
	cmd.AddCommand(newRedrive())
	cmd.AddCommand(newVerify(), newPurge())
	cli.Exits(cmd, fault.Read, fault.Upload, fault.Download, fault.Compress, fault.API)
	return cmd
}

// check finds what the flags alone show to be wrong.
func (o *options) check(fs *pflag.FlagSet) error {
	switch {
	case len(o.manifests) > 0 && o.queue.name != "":
		return cli.Usagef("manifests come from -m or from -q, not from both")
	case len(o.manifests) == 0 && o.queue.name == "":
		return cli.Usagef("nothing to do: name a manifest with -m or a queue with -q")
	case o.bucket == "":
		return cli.Usagef("nowhere to go: name the bucket for the archives with -b")
	case o.Workers < 1 || o.InFlight < 1:
		return cli.Usagef("--workers and --in-flight must be at least 1")
	case o.Memory < 32*object.MiB:
		return cli.Usagef("--memory %s is too little: 32MB is the least", o.Memory)
	}
	o.Archive = layout.In(o.bucket, o.prefix)
	return o.queue.check(fs)
}
