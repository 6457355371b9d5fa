package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"s3bundler/internal/aws"
	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
)

const findDescription = `Find out which archives hold an object.

A KEY is one key; a GLOB has * for any run of characters, / included, and ? for
any one; a backslash takes either for itself. All indexes below --archives are
read, many at once. Each line names the index and the key: what s3bundler cat
wants.

With --catalog, what is read is kept in a file, and the next time only indexes
that are new or changed are read. Without --archives the catalogue is searched
as it is, and nothing is asked of S3.

Nothing found exits 1.`

const findExamples = `  s3bundler find logs/2026/11/23/app-00017.log --archives s3://my-archive/archive/

  # keep a catalogue, then search it
  s3bundler find 'logs/2026/*' --archives s3://my-archive/archive/ --catalog archive.cat
  s3bundler find '*app-00017*' --catalog archive.cat`

func newFind() *cobra.Command {
	var o struct {
		reading
		choosing
		printing
		archives []object.Location
		catalog  string
		literal  bool
	}
	cmd := &cobra.Command{
		Use:                   "find KEY|GLOB... {--archives s3://BUCKET/PREFIX | --catalog FILE} [flags]",
		Short:                 "Find out which archives hold an object",
		Long:                  findDescription,
		Example:               findExamples,
		Args:                  atLeast(1, "name a key or a glob"),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(o.archives) == 0 && o.catalog == "" {
				return cli.Usagef("where? name the archives with --archives s3://BUCKET/PREFIX, or a --catalog")
			}
			began := time.Now()
			ctx, con := cmd.Context(), o.Console(cmd)
			var s3 *aws.S3
			if len(o.archives) > 0 {
				var err error
				if s3, err = o.connect(ctx); err != nil {
					return err
				}
				defer s3.Close()
			}
			f := o.choose(cmd.Flags(), args)
			if o.literal {
				f.Keys = nil
				for _, key := range args {
					f.Keys = append(f.Keys, object.LiteralPattern(key))
				}
			}
			t := shown{op: "find", p: o.printer(con.Output(cmd.OutOrStdout()), false), log: con.Log}
			var incomplete, err error
			if o.catalog == "" {
				err = t.all(retrieve.List(ctx, s3, retrieve.Sources(ctx, s3, o.archives), f, o.inFlight))
			} else {
				if s3 != nil {
					if incomplete, err = updateCatalog(ctx, con, s3, o.catalog, o.archives, o.inFlight); err != nil {
						return err
					}
				}
				err = t.all(retrieve.Search(ctx, o.catalog, o.archives, f))
			}
			if err == nil || t.objects > 0 {
				con.Summarize(t.summary(time.Since(began)))
			}
			switch {
			case err != nil:
				return err
			case incomplete != nil:
				return incomplete
			case t.objects == 0:
				return fmt.Errorf("nothing found for %q", args)
			}
			return nil
		},
	}
	fs := cmd.Flags()
	fs.Var(cli.URIs(&o.archives), "archives", "where the archives are: a prefix, an index or an archive; may be repeated")
	fs.StringVar(&o.catalog, "catalog", "", "keep what is read in this `FILE`, and search it")
	fs.BoolVar(&o.literal, "literal", false, "take * and ? for themselves")
	o.choosing.add(fs)
	o.printing.add(cmd)
	o.reading.add(cmd, retrieve.DefaultReaders, "read `N` indexes at once")
	cli.Exits(cmd, fault.Read, fault.Download, fault.API)
	return cmd
}

// updateCatalog brings a catalogue up to date, under a progress bar. What it
// could not read is incomplete's to tell, after the search.
func updateCatalog(ctx context.Context, con *cli.Console, s3 *aws.S3, file string, places []object.Location, readers int) (incomplete, err error) {
	var c retrieve.Cataloguer
	stop := con.Progress(func() cli.Snapshot {
		return cli.Snapshot{Done: c.Indexes.Load(), Total: c.Total.Load(), Unit: "indexes", Note: fmt.Sprintf("%d rows", c.Rows.Load())}
	})
	err = c.Update(ctx, s3, file, places, readers, con.Log)
	stop()
	if err != nil {
		return nil, err
	}
	if n := c.Indexes.Load(); n > 0 {
		con.Log.Info("brought the catalogue up to date", "indexes", n, "rows", c.Rows.Load())
	}
	if c.Failed.Load()+c.BadRows.Load() > 0 {
		incomplete = fault.New(fault.Download, "update catalogue", file,
			fmt.Errorf("%s and %s could not be read, as logged above", cli.Counted(c.Failed.Load(), "index", "indexes"), cli.Counted(c.BadRows.Load(), "row", "rows")), "")
	}
	return incomplete, nil
}
