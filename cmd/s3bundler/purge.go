package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/retrieve"
)

const purgeDescription = `Delete source objects that are safely archived, and only those.

Without --yes nothing is deleted or written: the command says what it would
delete, how many objects and bytes, and what it would leave alone, and why.

Every archive is verified first, by reading all of it in this run; if anything
about it does not hold, all of its objects are left alone. Then each object is
asked for: it must be the very one that was archived, by its size, time,
metadata and headers, and by its version ID, ETag or checksum. What was replaced
since is left alone, as are dead letters, which no archive holds. S3 itself is
held to what was compared: an object is deleted by its version ID, or else under
the condition that its ETag is still the same. Whether the server keeps to such
conditions is tried first, on an object made for that beside an index.

What is deleted is logged in <index>.purged.csv, with the archive's ETag, version
and checksum. Running the command again goes on where it was stopped.

Deleting the current version of an object in a versioned bucket lets the version
before it be seen again. Tags are not compared. Nothing is ever deleted from an
archive: what is purged can be restored with s3bundler restore.

It exits with 3 if an archive does not hold, or the server takes no conditions.`

const purgeExamples = `  # what could be deleted, object by object
  s3bundler purge s3://my-archive/archive/ --log would-be-deleted.csv

  # do it
  s3bundler purge s3://my-archive/archive/ --yes`

func newPurge() *cobra.Command {
	var o struct {
		reading
		retrieve.PurgeOptions
		json  bool
		log   string
		heads int
	}
	cmd := &cobra.Command{
		Use:                   "purge s3://BUCKET/KEY... [flags]",
		Short:                 "Delete source objects that are safely archived",
		Long:                  purgeDescription,
		Example:               purgeExamples,
		Args:                  atLeast(1, "name an index, an archive or a prefix: s3://BUCKET/KEY"),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			began := time.Now()
			ps, err := places(args)
			if err != nil {
				return err
			}
			if o.heads < 1 {
				return cli.Usagef("--heads must be at least 1")
			}
			s3, err := o.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer s3.Close()
			con := o.Console(cmd)
			var p retrieve.PurgeProgress
			o.Archives, o.Limiter, o.Progress = o.inFlight, fetch.NewLimiter(o.heads), &p
			t := purgeTally{counts: map[retrieve.Outcome]purgeCount{}, shown: map[retrieve.Outcome]int{}, con: con}
			if o.log != "" {
				if err := t.open(o.log); err != nil {
					return err
				}
			}
			stop := con.Progress(func() cli.Snapshot {
				v := &p.Verified
				return cli.Snapshot{Done: p.Objects.Load(), Bytes: p.DeletedBytes.Load(), Unit: "objects",
					Note: fmt.Sprintf("%d verified in %d archives", v.Objects.Load(), v.Archives.Load())}
			})
			for out, e := range retrieve.Purge(cmd.Context(), s3, ps, o.PurgeOptions) {
				if err = e; err == nil {
					err = t.add(&out)
				}
				if err != nil {
					break
				}
			}
			stop()
			if e := t.close(); err == nil {
				err = e
			}
			// What was deleted is told also where it ended early.
			if e := t.print(con.Output(cmd.OutOrStdout()), o.json, o.Delete); err == nil {
				err = e
			}
			if err != nil {
				return err
			}
			con.Summarize(t.summary(&p, o.Delete, time.Since(began)))
			return t.verdict()
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.Delete, "yes", false, "delete; without it, only say what would be deleted")
	fs.StringVar(&o.log, "log", "", "write what became of every object to this local `FILE`, as CSV")
	fs.BoolVar(&o.Reread, "reread", false, "read multipart objects that S3 has no checksum of, to compare them; without it they are left alone")
	fs.BoolVar(&o.Noncurrent, "noncurrent", false, "delete also archived versions that are not the current ones any more")
	fs.BoolVar(&o.json, "json", false, "print counts and bytes as JSON")
	fs.IntVar(&o.heads, "heads", retrieve.DefaultHeads, "send up to `N` HEADs and DELETEs at once")
	o.reading.add(cmd, 4, "verify and purge `N` archives at once")
	cli.Exits(cmd, fault.Read, fault.Upload, fault.Download, fault.API)
	return cmd
}

type purgeCount struct {
	Objects int64 `json:"Objects"`
	Bytes   int64 `json:"Bytes"`
}

// purgeTally counts outcomes, and writes them to a local log.
type purgeTally struct {
	counts map[retrieve.Outcome]purgeCount
	shown  map[retrieve.Outcome]int
	con    *cli.Console
	file   *os.File
	csv    *csv.Writer
}

func (t *purgeTally) open(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return fault.New(fault.Write, "create log", "", err, "")
	}
	t.file, t.csv = f, csv.NewWriter(f)
	return t.write("outcome", "bucket", "key", "size", "version_id", "etag", "index", "detail")
}

func (t *purgeTally) write(fields ...string) error {
	if err := t.csv.Write(fields); err != nil {
		return fault.New(fault.Write, "write log", "", err, "")
	}
	return nil
}

// shownEach is how many of the objects of one outcome are named one by one.
const shownEach = 10

func (t *purgeTally) add(out *retrieve.Purged) error {
	c := t.counts[out.Outcome]
	c.Objects++
	c.Bytes += out.Object.Size
	t.counts[out.Outcome] = c
	switch out.Outcome {
	case retrieve.Unverified, retrieve.Unconditional, retrieve.Refused, retrieve.Failed:
		if t.shown[out.Outcome]++; t.shown[out.Outcome] <= shownEach {
			what := "left alone " + out.Object.Location().String()
			if out.Object.Key == "" {
				what = "left alone all objects of " + out.Source.Where().String()
			}
			t.con.Log.Error(what, "reason", string(out.Outcome), "err", out.Detail)
		}
	}
	if t.csv == nil {
		return nil
	}
	o := &out.Object
	return t.write(string(out.Outcome), o.Bucket, o.Key, strconv.FormatInt(o.Size, 10), o.VersionID, o.ETag, out.Source.Where().String(), out.Detail)
}

func (t *purgeTally) close() error {
	if t.csv == nil {
		return nil
	}
	t.csv.Flush()
	err := t.csv.Error()
	if e := t.file.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fault.New(fault.Write, "write log", "", err, "")
	}
	return nil
}

// print prints the counts.
func (t *purgeTally) print(w io.Writer, asJSON, deleted bool) error {
	if asJSON {
		return printed(json.NewEncoder(w).Encode(struct {
			DryRun   bool                            `json:"DryRun"`
			Outcomes map[retrieve.Outcome]purgeCount `json:"Outcomes"`
		}{!deleted, t.counts}))
	}
	if len(t.counts) == 0 {
		return nil
	}
	fmt.Fprintf(w, "%-14s %12s %18s  %s\n", "OUTCOME", "OBJECTS", "BYTES", "WHY")
	for _, o := range slices.Sorted(maps.Keys(t.counts)) {
		objects := strconv.FormatInt(t.counts[o].Objects, 10)
		bytes := strconv.FormatInt(t.counts[o].Bytes, 10)
		if o == retrieve.Unverified {
			bytes = ""
		}
		if _, err := fmt.Fprintf(w, "%-14s %12s %18s  %s\n", o, objects, bytes, whyPurged(o)); err != nil {
			return printed(err)
		}
	}
	if !deleted {
		_, err := fmt.Fprintln(w, "\nNothing was deleted. Give --yes to delete what is Deletable.")
		return printed(err)
	}
	return nil
}

func whyPurged(o retrieve.Outcome) string {
	switch o {
	case retrieve.Deleted:
		return "safely archived, and deleted"
	case retrieve.Deletable:
		return "safely archived"
	case retrieve.Gone:
		return "not there any more"
	case retrieve.Changed:
		return "left alone: not what was archived"
	case retrieve.Unproven:
		return "left alone: S3 has no checksum to compare; --reread reads it"
	case retrieve.Unconditional:
		return "left alone: it cannot be deleted under a condition"
	case retrieve.Unverified:
		return "findings about archives, whose objects are all left alone; s3bundler verify tells more"
	case retrieve.Own:
		return "left alone: it belongs to an archive"
	case retrieve.Refused:
		return "left alone: access denied"
	case retrieve.Failed:
		return "left alone: S3 could not be asked; run it again"
	}
	return ""
}

func (t *purgeTally) summary(p *retrieve.PurgeProgress, deleted bool, elapsed time.Duration) cli.Summary {
	done, rest := "deleted", "left alone"
	if !deleted {
		done, rest = "to delete", "to be left alone"
	}
	n := p.Deleted.Load()
	unit := "objects "
	if n == 1 {
		unit = "object "
	}
	return cli.Summary{
		Count: n, Unit: unit + done, Bytes: p.DeletedBytes.Load(), Elapsed: elapsed,
		More: []cli.Tally{{Unit: rest, Count: p.Objects.Load() - n}, {Unit: "archives", Count: p.Verified.Archives.Load()}},
	}
}

// verdict is an error if something is wrong with an archive or the server, and
// not merely with single objects.
func (t *purgeTally) verdict() error {
	switch n := t.counts; {
	case n[retrieve.Unverified].Objects > 0:
		return fault.New(fault.Read, "purge", "", fmt.Errorf("%s about archives, whose objects were left alone", cli.Counted(n[retrieve.Unverified].Objects, "finding", "findings")), "")
	case n[retrieve.Unconditional].Objects > 0:
		return fault.New(fault.Read, "purge", "", fmt.Errorf("%s cannot be deleted safely", cli.Counted(n[retrieve.Unconditional].Objects, "object", "objects")), "")
	case n[retrieve.Failed].Objects > 0 || n[retrieve.Refused].Objects > 0:
		return fault.New(fault.API, "purge", "", fmt.Errorf("S3 refused or failed to answer for %s", cli.Counted(n[retrieve.Failed].Objects+n[retrieve.Refused].Objects, "object", "objects")), "run it again")
	}
	return nil
}
