package main

import (
	"math"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"s3bundler/internal/aws"
	"s3bundler/internal/cli"
	"s3bundler/internal/grouper"
)

// memoryLimit makes the garbage collector work more before the process takes
// more memory, in bytes. What a run needs lies well below it.
const memoryLimit = 96 << 20

func (o *options) run(cmd *cobra.Command) error {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 { // GOMEMLIMIT says nothing
		debug.SetMemoryLimit(memoryLimit)
	}
	began := time.Now()
	cfg, err := aws.Load(cmd.Context(), aws.Settings{Region: o.Region, Profile: o.Profile, EndpointURL: o.EndpointURL})
	if err != nil {
		return err
	}
	s3 := aws.NewS3(cfg)
	defer s3.Close()
	console := o.Console(cmd)
	console.Notice("begin processing " + o.report.String())

	var progress atomic.Pointer[grouper.Stats]
	progress.Store(&grouper.Stats{})
	o.Progress = func(s grouper.Stats) { progress.Store(&s) }
	stop := console.Progress(func() cli.Snapshot { return snapshot(*progress.Load()) })
	stats, err := grouper.Run(cmd.Context(), s3, o.report, o.Options, console.Log)
	stop()
	if err == nil {
		console.Summarize(summary(stats, time.Since(began)))
	} else if n := stats.Written + stats.Existing; n > 0 {
		console.Notice(kept(n, stats.Unsure) + "; the same command goes on after them")
	}
	return err
}

// kept tells how many manifests are stored, not knowing it of some.
func kept(n, unsure int64) string {
	text := cli.Counted(n, "manifest is whole and stays", "manifests are whole and stay")
	if unsure > 0 {
		text += ", and perhaps " + cli.Counted(unsure, "more whose upload was cut short", "more whose uploads were cut short")
	}
	return text
}

// snapshot takes the rows still to come to be as long as those read.
func snapshot(s grouper.Stats) cli.Snapshot {
	p := cli.Snapshot{Done: s.Rows, Bytes: s.Read, TotalBytes: s.Size, Skipped: s.Skipped(), Unit: "rows"}
	if s.Read > 0 {
		p.Total = max(s.Rows, int64(float64(s.Rows)/float64(s.Read)*float64(s.Size)))
	}
	return p
}

func summary(s grouper.Stats, elapsed time.Duration) cli.Summary {
	more := []cli.Tally{{Unit: "rows", Count: s.Rows}, {Unit: "manifests", Count: s.Written}}
	for _, t := range []cli.Tally{
		{Unit: "manifests already there", Count: s.Existing},
		{Unit: "manifests of an earlier run deleted", Count: s.Removed},
		{Unit: "delete markers", Count: s.Markers},
		{Unit: "rows outside the prefix", Count: s.Excluded},
		{Unit: "rows of other storage classes", Count: s.OtherClass},
	} {
		if t.Count > 0 {
			more = append(more, t)
		}
	}
	return cli.Summary{Count: s.Objects, Unit: "objects", Bytes: s.Bytes, More: more, Elapsed: elapsed}
}
