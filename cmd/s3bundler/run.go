package main

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"s3bundler/internal/aws"
	"s3bundler/internal/bundler"
	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

func (o *options) run(cmd *cobra.Command) error {
	began := time.Now()
	limitHeap(o.Memory)
	cfg, err := o.load(cmd.Context())
	if err != nil {
		return err
	}
	s3 := aws.NewS3(cfg)
	defer s3.Close()
	console := o.Console(cmd)
	b := bundler.New(s3, o.Options, console.Log)

	sum := tally{log: console.Log, letters: map[fault.Reason]int64{}, alone: o.alone()}
	stop := console.Progress(func() cli.Snapshot { return snapshot(&b.Progress) })
	err = b.All(cmd.Context(), b.Manifests(cmd.Context(), o.manifests), sum.add)
	stop()
	console.Summarize(sum.summary(time.Since(began)))
	if sum.bad > 0 && !sum.alone && cmd.Context().Err() == nil {
		return fault.New(fault.KindOf(err), "bundle", "", fmt.Errorf("%s failed, as logged above", cli.Counted(sum.bad, "manifest", "manifests")), "mend what the log says, and run the same command again: it goes on with them")
	}
	return err
}

func (o *options) load(ctx context.Context) (aws.Config, error) {
	return aws.Load(ctx, aws.Settings{
		Region: o.Region, Profile: o.Profile, EndpointURL: o.EndpointURL,
		RequesterPays: o.requesterPays, SDKGet: o.sdkGet, GetsInFlight: o.InFlight,
	})
}

// alone reports whether there is but one manifest to do.
func (o *options) alone() bool {
	return len(o.manifests) == 1 && o.manifests[0].Key != "" && !strings.HasSuffix(o.manifests[0].Key, "/")
}

// limitHeap has the garbage collector keep the heap near what the memory flag
// allows: buffers, and about half as much again for all else.
func limitHeap(memory object.ByteSize) {
	debug.SetMemoryLimit(int64(memory) + int64(memory)/2)
}

func snapshot(p *bundler.Progress) cli.Snapshot {
	return cli.Snapshot{Done: p.Rows.Load(), Total: p.Total(), Bytes: p.Bytes.Load(), Skipped: p.Skipped.Load(), Unit: "objects"}
}

// tally sums up the results of all manifests.
type tally struct {
	log                                *slog.Logger
	objects, bytes, archives, had, bad int64
	copies                             int64
	letters                            map[fault.Reason]int64
	alone                              bool // the command ends with the error of its only manifest
}

// add counts one manifest, and logs its error where others go on.
func (t *tally) add(r bundler.Result, err error) {
	switch {
	case err != nil:
		t.bad++
		if t.alone {
			return
		}
		t.log.Error("gave up "+r.Manifest.String(), "err", err)
		return
	case r.Done:
		t.had++
		t.log.Info("archived before: " + r.Manifest.String())
		return
	}
	t.archives++
	t.objects += r.Objects
	t.copies += r.Copied
	t.bytes += r.Bytes + r.CopiedBytes
	for reason, n := range r.DeadLetters {
		t.letters[reason] += n
	}
}

func (t *tally) summary(elapsed time.Duration) cli.Summary {
	s := cli.Summary{Count: t.objects, Unit: "objects", Bytes: t.bytes, DeadLetters: t.letters, Elapsed: elapsed}
	for _, c := range []cli.Tally{
		{Unit: "archives", Count: t.archives},
		{Unit: "big objects", Count: t.copies},
		{Unit: "skipped manifests", Count: t.had},
		{Unit: "failed manifests", Count: t.bad},
	} {
		if c.Count > 0 || c.Unit == "archives" {
			s.More = append(s.More, c)
		}
	}
	return s
}
