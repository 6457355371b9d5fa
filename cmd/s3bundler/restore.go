package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"s3bundler/internal/aws"
	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
)

const restoreDescription = `Restore archived objects as they were, to a bucket or to a folder.

To a bucket, objects get back their content, user metadata, tags, content
headers and storage class; to a folder, content and time. Places are archives,
their indexes, copies of big objects, or prefixes: then all below them. Every
object is checked against the checksum in its index before it appears.

An object that is where it belongs is passed over, so the same command goes on
where it was stopped: in a bucket, one with the content, the user metadata and
the content headers that its index tells; in a folder, one with the size and the
time. With --existing overwrite it must have the tags, too, which takes a
request for each object that has some, and a file is read and held against the
index's checksum. What cannot be restored stands in the dead-letter file, with
the reason, and the command exits 5.

To a folder nothing is written outside of it, nor over another object of the
run. A key that is no path there (it climbs out, begins with a slash, is both a
file and a folder, is too long, differs from another in case alone where that
counts for nothing) is a dead letter; with --escape it is written under a name
made from it, with % as the mark.`

const restoreExamples = `  # all archives of a prefix, into another bucket
  s3bundler restore s3://my-archive/archive/ --to s3://my-other-bucket/

  # one day, into a folder, without the prefix of the keys
  s3bundler restore s3://my-archive/archive/ --key-prefix logs/2026-11-23/ --strip logs/ --to ./logs

  # from GLACIER, to where the objects came from
  s3bundler restore s3://my-archive/archive/ --to-source --request-restore Bulk --days 7 --wait`

// restoring are the flags of restore.
type restoring struct {
	reading
	choosing
	retrieve.RestoreOptions
	to       string
	toSource bool
	class    string
	escape   bool
	existing choice
	letters  string
	catalog  string
}

func newRestore() *cobra.Command {
	o := restoring{
		RestoreOptions: retrieve.RestoreOptions{Memory: retrieve.DefaultMemory},
		existing:       choice{value: string(retrieve.Skip), of: []string{string(retrieve.Skip), string(retrieve.Overwrite), string(retrieve.Refuse)}},
	}
	cmd := &cobra.Command{
		Use:                   "restore s3://BUCKET/KEY... {--to s3://BUCKET/PREFIX | --to FOLDER | --to-source} [flags]",
		Short:                 "Restore archived objects to a bucket or a folder",
		Long:                  restoreDescription,
		Example:               restoreExamples,
		Args:                  atLeast(1, "name an index, an archive or a prefix: s3://BUCKET/KEY"),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			ps, err := places(args)
			if err == nil {
				err = o.check()
			}
			if err != nil {
				return err
			}
			return o.run(cmd, ps)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&o.to, "to", "", "restore to this `PLACE`: s3://BUCKET/PREFIX or a folder")
	fs.BoolVar(&o.toSource, "to-source", false, "restore to the buckets and keys that the objects came from")
	fs.StringVar(&o.Strip, "strip", "", "take this `PREFIX` from the beginning of every key")
	fs.StringVar(&o.Add, "add", "", "put this `PREFIX` before every key, after --strip")
	fs.Var(&o.existing, "existing", "what to do where another object is: skip it and report, overwrite it, or refuse even the same object")
	fs.BoolVar(&o.escape, "escape", false, "to a folder: write keys that are no paths under names made from them")
	fs.StringVar(&o.class, "storage-class", "", "to a bucket: give all objects this storage `CLASS` instead of their own")
	fs.StringVar(&o.catalog, "catalog", "", "read only the indexes that hold what is chosen, as the catalogue in this `FILE` tells; it is brought up to date before")
	fs.StringVar(&o.letters, "dlq", "restore.dlq", "write what was not restored, and why, to this `FILE`; a run that restores all empties it")
	fs.Var(&o.Memory, "memory", "hold so much of objects in memory")
	o.addKeys(fs)
	o.choosing.add(fs)
	addTrust(fs, &o.NoCheck, &o.AnyETag)
	addThaw(fs, &o.Thaw)
	o.reading.add(cmd, retrieve.DefaultInFlight, "write `N` objects at once")
	cli.Exits(cmd, fault.Read, fault.Upload, fault.Download, fault.Compress, fault.API)
	return cmd
}

// addTrust gives fs the flags that take what is not as its index says.
func addTrust(fs *pflag.FlagSet, noCheck, anyETag *bool) {
	fs.BoolVar(noCheck, "no-check", false, "do not hold content against the index's checksums")
	fs.BoolVar(anyETag, "any-etag", false, "read an archive that is not the very one its index was written for: it was copied")
}

// addThaw gives fs the flags for archives in cold storage.
func addThaw(fs *pflag.FlagSet, t *retrieve.Thaw) {
	fs.StringVar(&t.Tier, "request-restore", "", "have S3 restore archives from GLACIER or DEEP_ARCHIVE, in this `TIER`: Standard, Bulk or Expedited")
	fs.IntVar(&t.Days, "days", 7, "with --request-restore: keep them readable for `N` days")
	fs.BoolVar(&t.Wait, "wait", false, "wait until they are readable, and go on")
	fs.DurationVar(&t.Every, "poll", 5*time.Minute, "with --wait: look again after so `LONG`")
}

// checkThaw finds what is wrong with them.
func checkThaw(t retrieve.Thaw) error {
	if tiers := []string{"", "Standard", "Bulk", "Expedited"}; !slices.Contains(tiers, t.Tier) {
		return cli.Usagef("--request-restore %s: there are Standard, Bulk and Expedited", t.Tier)
	}
	if t.Days < 1 || t.Every <= 0 {
		return cli.Usagef("--days and --poll must be more than 0")
	}
	return nil
}

// choice is a flag value: one of several words.
type choice struct {
	value string
	of    []string
}

func (c *choice) Set(s string) error {
	if !slices.Contains(c.of, s) {
		return fmt.Errorf("%q is none of %s", s, strings.Join(c.of, ", "))
	}
	c.value = s
	return nil
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.of, "|") }

func (o *restoring) check() error {
	switch {
	case o.to == "" && !o.toSource:
		return cli.Usagef("nowhere to go: give --to s3://BUCKET/PREFIX, --to FOLDER or --to-source")
	case o.to != "" && o.toSource:
		return cli.Usagef("objects go --to a place or --to-source, not both")
	case o.Memory < 32*object.MiB:
		return cli.Usagef("--memory %s is too little: 32MB is the least", o.Memory)
	case o.escape && (o.toSource || strings.HasPrefix(o.to, "s3://")):
		return cli.Usagef("--escape is for folders: a bucket takes every key")
	}
	return checkThaw(o.Thaw)
}

func (o *restoring) run(cmd *cobra.Command, ps []object.Location) error {
	began := time.Now()
	limitHeap(o.Memory)
	s3, err := o.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer s3.Close()
	letters := letterFile{name: o.letters}
	if err := letters.try(); err != nil {
		return err
	}
	to, close, err := o.target(s3)
	if err != nil {
		return err
	}
	o.Existing = retrieve.Existing(o.existing.value)
	o.RestoreOptions.InFlight, o.Filter, o.DeadLetter = o.inFlight, o.choose(cmd.Flags(), nil), letters.add
	con := o.Console(cmd)
	sources := retrieve.Sources(cmd.Context(), s3, ps)
	var incomplete error
	if o.catalog != "" {
		if incomplete, err = updateCatalog(cmd.Context(), con, s3, o.catalog, ps, retrieve.DefaultReaders); err != nil {
			return errors.Join(err, close())
		}
		sources = retrieve.Holding(retrieve.Search(cmd.Context(), o.catalog, ps, o.Filter))
	}
	r := retrieve.NewRestorer(s3, to, o.RestoreOptions, con.Log)
	stop := con.Progress(func() cli.Snapshot {
		done, skipped := r.Progress.Objects.Load(), r.Progress.Skipped.Load()
		return cli.Snapshot{Done: done + skipped, Bytes: r.Progress.Bytes.Load(), Skipped: skipped, Unit: "objects"}
	})
	result, err := r.Run(cmd.Context(), sources)
	stop()
	complete := err == nil && incomplete == nil && result.Failed+result.BadRows == 0
	err = errors.Join(err, letters.close(complete), close())
	if err == nil || result.Objects+result.Skipped > 0 {
		con.Summarize(summaryOf(result, time.Since(began)))
	}
	if err != nil {
		return err
	}
	if err := unrestored(result, o.letters, r.FirstError()); err != nil {
		return err
	}
	return incomplete
}

func summaryOf(r retrieve.Restored, elapsed time.Duration) cli.Summary {
	return cli.Summary{
		Count: r.Objects, Unit: "objects", Bytes: r.Bytes, DeadLetters: r.DeadLetters, Elapsed: elapsed,
		More: []cli.Tally{{Unit: "skipped objects", Count: r.Skipped}},
	}
}

// target opens where the objects go.
func (o *restoring) target(s3 *aws.S3) (to retrieve.Target, close func() error, err error) {
	none := func() error { return nil }
	if o.toSource {
		return retrieve.ToSource(s3, o.class), none, nil
	}
	if !strings.HasPrefix(o.to, "s3://") {
		f, err := retrieve.ToFolder(o.to, o.escape)
		if err != nil {
			return nil, nil, err
		}
		return f, f.Close, nil
	}
	l, err := object.ParseURI(o.to)
	if err != nil {
		return nil, nil, cli.Usagef("--to: %v", err)
	}
	if l.Key != "" && !strings.HasSuffix(l.Key, "/") {
		l.Key += "/"
	}
	return retrieve.ToBucket(s3, l, o.class), none, nil
}

// unrestored is the error of a run that left something out.
func unrestored(r retrieve.Restored, file string, first error) error {
	var missing []string
	letters := int64(0)
	for _, n := range r.DeadLetters {
		letters += n
	}
	if letters > 0 {
		missing = append(missing, cli.Counted(letters, "object was", "objects were")+" not restored: see "+file)
	}
	if r.BadRows > 0 {
		missing = append(missing, cli.Counted(r.BadRows, "line of an index is no row", "lines of indexes are no rows"))
	}
	if r.Failed > 0 {
		missing = append(missing, cli.Counted(r.Failed, "archive", "archives")+" could not be read, as logged above")
	}
	if missing == nil {
		return nil
	}
	kind := fault.Download
	if letters == 0 && fault.KindOf(first) != 0 {
		kind = fault.KindOf(first)
	}
	return fault.New(kind, "restore", "", errors.New(strings.Join(missing, ", ")), "mend what the log says, and run the same command again: it goes on with them")
}

// letterFile is the dead-letter file, made when there is a first one. That of
// an earlier run is replaced then, and emptied by a run that had none and got to
// its end; any other leaves it.
type letterFile struct {
	name string
	file *os.File
	line []byte
}

// try finds out at once, not hours later, whether the file can be written.
// Other runs may do the same.
func (l *letterFile) try() error {
	f, err := os.OpenFile(l.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	made := err == nil
	if errors.Is(err, fs.ErrExist) {
		if f, err = os.OpenFile(l.name, os.O_WRONLY, 0); errors.Is(err, fs.ErrNotExist) {
			return nil // another run had made it, to try, and removed it
		}
	}
	if err == nil {
		err = f.Close()
	}
	if made && err == nil {
		err = os.Remove(l.name)
	}
	return l.failed(err)
}

func (l *letterFile) failed(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Write, "write dead letters", l.name, err, "name another place with --dlq")
}

func (l *letterFile) add(d index.DeadLetter) error {
	if l.file == nil {
		f, err := os.Create(l.name)
		if err != nil {
			return l.failed(err)
		}
		l.file = f
	}
	l.line = d.Append(l.line[:0])
	_, err := l.file.Write(l.line)
	return l.failed(err)
}

// close ends the file; complete says that the run has restored all it was to.
func (l *letterFile) close(complete bool) error {
	if l.file != nil {
		return l.failed(l.file.Close())
	}
	if !complete {
		return nil
	}
	info, err := os.Stat(l.name)
	if err == nil && info.Mode().IsRegular() {
		err = os.Truncate(l.name, 0)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return l.failed(err)
}
