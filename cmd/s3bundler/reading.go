package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"s3bundler/internal/aws"
	"s3bundler/internal/cli"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
)

// reading are the flags of all commands that give something back.
type reading struct {
	cli.Flags
	requesterPays bool
	inFlight      int
}

func (r *reading) add(cmd *cobra.Command, inFlight int, usage string) {
	fs := cmd.Flags()
	fs.IntVar(&r.inFlight, "in-flight", inFlight, usage)
	fs.BoolVar(&r.requesterPays, "requester-pays", false, "agree to pay for requests to Requester Pays buckets")
	r.Add(cmd)
}

// config is where AWS is, as the flags say.
func (r *reading) config(ctx context.Context) (aws.Config, error) {
	if r.inFlight < 1 {
		return aws.Config{}, cli.Usagef("--in-flight must be at least 1")
	}
	return aws.Load(ctx, aws.Settings{
		Region: r.Region, Profile: r.Profile, EndpointURL: r.EndpointURL,
		RequesterPays: r.requesterPays, GetsInFlight: r.inFlight,
	})
}

// connect opens S3. The caller closes it.
func (r *reading) connect(ctx context.Context) (*aws.S3, error) {
	cfg, err := r.config(ctx)
	if err != nil {
		return nil, err
	}
	return aws.NewS3(cfg), nil
}

// choosing are the flags that choose among the objects of archives.
type choosing struct {
	keys             []string
	filter           retrieve.Filter
	minSize, maxSize object.ByteSize
	from, before     moment
}

// addKeys gives fs --key, where keys are no arguments of the command.
func (c *choosing) addKeys(fs *pflag.FlagSet) {
	fs.StringArrayVar(&c.keys, "key", nil, "only this `KEY`, or a glob in which * is any run of characters, / included, and ? any one; may be repeated")
}

func (c *choosing) add(fs *pflag.FlagSet) {
	fs.StringVar(&c.filter.KeyPrefix, "key-prefix", "", "only keys that begin with `PREFIX`")
	fs.StringVar(&c.filter.Bucket, "source-bucket", "", "only objects of this `BUCKET`")
	fs.StringVar(&c.filter.VersionID, "version-id", "", "only the version with this `ID`")
	fs.Var(&c.minSize, "min-size", "only objects of at least this size")
	fs.Var(&c.maxSize, "max-size", "only objects of at most this size")
	fs.Var(&c.from, "from", "only objects last modified at this time or later: 2026-11-23 or 2026-11-23T11:36:13Z")
	fs.Var(&c.before, "before", "only objects last modified before this time")
}

// choose makes the filter that the flags, and patterns, describe.
func (c *choosing) choose(fs *pflag.FlagSet, patterns []string) retrieve.Filter {
	f := c.filter
	for _, p := range append(c.keys, patterns...) {
		f.Keys = append(f.Keys, object.ParsePattern(p))
	}
	f.MinSize, f.From, f.Before = int64(c.minSize), time.Time(c.from), time.Time(c.before)
	if fs.Changed("max-size") {
		f.SizeBelow = int64(c.maxSize) + 1
	}
	return f
}

// moment is a time on the command line, in UTC unless it says otherwise.
type moment time.Time

func (m *moment) Set(s string) error {
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			*m = moment(t)
			return nil
		}
	}
	return cli.Usagef("%q is no time: write 2026-11-23 or 2026-11-23T11:36:13Z", s)
}

func (m *moment) String() string {
	if m == nil || time.Time(*m).IsZero() {
		return ""
	}
	return time.Time(*m).Format(time.RFC3339)
}

func (m *moment) Type() string { return "TIME" }

// printing are the flags of commands that print objects.
type printing struct{ json, csv bool }

func (p *printing) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.json, "json", false, "print one JSON object a line, with all that is known")
	cmd.Flags().BoolVar(&p.csv, "csv", false, "print CSV with a header line")
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
}

// printer prints entries to w. heads says that a table names each index above
// its objects, and not beside each.
func (p *printing) printer(w io.Writer, heads bool) entryPrinter {
	switch {
	case p.json:
		return newJSONPrinter(w)
	case p.csv:
		return newCSVPrinter(w)
	default:
		return newTablePrinter(w, heads)
	}
}

// places reads the URIs that a command is given.
func places(args []string) ([]object.Location, error) {
	var ls []object.Location
	for _, a := range args {
		l, err := object.ParseURI(a)
		if err != nil {
			return nil, cli.Usagef("%v", err)
		}
		ls = append(ls, l)
	}
	return ls, nil
}
