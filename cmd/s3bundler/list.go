package main

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
)

const listDescription = `List the objects that archives hold, in the archives' order.

A place is an index, an archive, the copy of a big object, or a prefix: then
all below it. An archive that has no index is read to list it. Archives of the
original Amazon S3 Bundler are listed too.`

const listExamples = `  # all of one archive
  s3bundler list s3://my-archive/archive/c3e7f3/src1/x-manifest.0.index

  # what of a day's logs is larger than a megabyte, in all archives, as CSV
  s3bundler list s3://my-archive/archive/ --key 'logs/2026-11-23/*' --min-size 1MB --csv`

func newList() *cobra.Command {
	var o struct {
		reading
		choosing
		printing
	}
	cmd := &cobra.Command{
		Use:                   "list s3://BUCKET/KEY... [flags]",
		Short:                 "List the objects that archives hold",
		Long:                  listDescription,
		Example:               listExamples,
		Args:                  atLeast(1, "name an index, an archive or a prefix: s3://BUCKET/KEY"),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			began := time.Now()
			ps, err := places(args)
			if err != nil {
				return err
			}
			s3, err := o.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer s3.Close()
			con := o.Console(cmd)
			t := shown{op: "list", p: o.printer(con.Output(cmd.OutOrStdout()), true), log: con.Log}
			sources := retrieve.Sources(cmd.Context(), s3, ps)
			err = t.all(retrieve.List(cmd.Context(), s3, sources, o.choose(cmd.Flags(), nil), o.inFlight))
			if err == nil || t.objects > 0 {
				con.Summarize(t.summary(time.Since(began)))
			}
			return err
		},
	}
	o.addKeys(cmd.Flags())
	o.choosing.add(cmd.Flags())
	o.printing.add(cmd)
	o.reading.add(cmd, retrieve.DefaultReaders, "read `N` indexes at once")
	cli.Exits(cmd, fault.Read, fault.Download, fault.Compress, fault.API)
	return cmd
}

// atLeast takes n arguments or more; wanted says what they are.
func atLeast(n int, wanted string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < n {
			return errors.New(wanted)
		}
		return nil
	}
}

// shown prints entries and counts them.
type shown struct {
	op  string
	p   entryPrinter
	log *slog.Logger

	objects, bytes, bad int64
	indexes             map[object.Location]struct{}
	first               error // of what could not be read
	held                error // not yet logged: it may be all there is to say
}

// all prints entries to their end. What cannot be read is logged, and is an
// error in the end.
func (s *shown) all(entries iter.Seq2[retrieve.Entry, error]) error {
	s.indexes = map[object.Location]struct{}{}
	for e, err := range entries {
		if err != nil {
			if where := e.Source.Where(); where.Bucket == "" || fault.KindOf(err) == 0 && !errors.Is(err, index.ErrRow) {
				return errors.Join(s.p.flush(), err) // of the whole, or the end of the context
			}
			s.bad++
			if s.first == nil {
				s.first = err
			}
			s.logHeld()
			s.held = err
			continue
		}
		s.logHeld()
		s.objects++
		s.bytes += e.Row.Size
		s.indexes[e.Source.Where()] = struct{}{}
		if err := s.p.print(e); err != nil {
			return err
		}
	}
	if err := s.p.flush(); err != nil || s.bad == 0 {
		return err
	}
	if s.bad == 1 && s.objects == 0 {
		return s.held
	}
	s.logHeld()
	return fault.New(fault.KindOf(s.first), s.op, "", fmt.Errorf("%s could not be read, as logged above", cli.Counted(s.bad, "row or index", "rows or indexes")), "")
}

func (s *shown) logHeld() {
	if s.held != nil {
		s.log.Error("cannot "+s.op, "err", s.held)
		s.held = nil
	}
}

func (s *shown) summary(elapsed time.Duration) cli.Summary {
	return cli.Summary{
		Count: s.objects, Unit: "objects", Bytes: s.bytes, Elapsed: elapsed,
		More: []cli.Tally{{Unit: "archives", Count: int64(len(s.indexes))}},
	}
}
