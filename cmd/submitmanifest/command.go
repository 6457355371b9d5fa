package main

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/submit"
)

const description = `Start one s3grouper task on ECS for each inventory report.

The URIs of the reports' manifest.json are read from FILE or standard input, one
a line. What follows -- are the arguments of s3grouper; each task gets its own
-m URI after them. The task's container is the one that is named like the task
definition's family.

One line a task goes to standard output: the report's URI, a tab, the task's
ARN; with --wait, when the task has ended, also its exit code and the reason of
its end. Errors go to standard error. A task for which the cluster has no room,
or that ECS throttles, is tried again.`

const examples = `  # every report of an inventory
  aws s3api list-objects-v2 --bucket inventory --prefix my-bucket/all/ \
    --query 'Contents[?ends_with(Key, ` + "`/manifest.json`" + `)].[Key]' --output text |
    sed 's|^|s3://inventory/|' > reports
  submitmanifest -t s3grouper -c s3bundler -f reports -- -b archive -p manifests

  # what has failed, once more
  submitmanifest -t s3grouper -c s3bundler -f reports --failed-only \
    -- -b archive -p manifests > failed
  submitmanifest -t s3grouper -c s3bundler -f failed -- -b archive -p manifests`

// options are the command's flags.
type options struct {
	cli.Flags
	file       string
	plan       submit.Plan
	start      submit.Options
	dryRun     bool
	wait       bool
	failedOnly bool
}

func newCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:                   "submitmanifest -t TASK -c CLUSTER [-f FILE] [flags] -- GROUPER ARGS…",
		Short:                 "Start one s3grouper task on ECS for each inventory report",
		Long:                  description,
		Example:               examples,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.plan.Arguments = args
			if err := o.check(); err != nil {
				return err
			}
			return o.run(cmd)
		},
	}
	fs := cmd.Flags()
	fs.SetInterspersed(false)
	fs.StringVarP(&o.plan.Definition, "task", "t", "", "the `TASK` definition: an ARN, family:revision or family")
	fs.StringVarP(&o.plan.Cluster, "cluster", "c", "", "name or ARN of the `CLUSTER` to run on")
	fs.StringVarP(&o.file, "file", "f", "-", "`FILE` that holds the URIs; - is standard input")
	fs.BoolVar(&o.dryRun, "dry-run", false, "print each task's command and start none")
	fs.BoolVar(&o.wait, "wait", false, "follow the tasks to their end")
	fs.BoolVar(&o.failedOnly, "failed-only", false, "print the URIs that have failed and nothing else")
	fs.IntVar(&o.start.InFlight, "in-flight", 10, "`N` tasks to submit at once")
	fs.DurationVar(&o.start.Patience, "patience", 10*time.Minute, "how `LONG` to go on trying for a task that finds no room or is throttled")
	o.Flags.Add(cmd)
	for _, name := range []string{"task", "cluster"} {
		_ = cmd.MarkFlagRequired(name) // it fails for unknown flags alone
	}
	cli.Exits(cmd, fault.Read, fault.API)
	return cmd
}

// check refuses what no run could make sense of.
func (o *options) check() error {
	switch {
	case submit.Family(o.plan.Definition) == "":
		return cli.Usagef("--task %q names no task definition", o.plan.Definition)
	case o.plan.Cluster == "":
		return cli.Usagef("--cluster is empty")
	case o.start.InFlight < 1:
		return cli.Usagef("--in-flight must be at least 1")
	case slices.Contains(o.plan.Arguments, "-m") || slices.Contains(o.plan.Arguments, "--manifest"):
		return cli.Usagef("the arguments after -- hold -m: each task gets its own")
	}
	return nil
}
