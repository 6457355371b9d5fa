package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"s3bundler/internal/aws"
	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
)

// inventoryFlags are those of the inventory command.
type inventoryFlags struct {
	cli.Flags
	conf        aws.InventoryConfiguration
	destination string
	file        string
	apply       bool
}

// choices are what S3 takes for a flag.
type choices struct {
	flag, value string
	of          []string
}

func newInventory() *cobra.Command {
	var f inventoryFlags
	cmd := &cobra.Command{
		Use:   "inventory --destination BUCKET [flags] [-f FILE]",
		Short: "Have S3 list buckets every day or week",
		Long: `Have S3 list buckets every day or week, for s3grouper to work from.

Bucket names are read from FILE or standard input, one a line. The commands of
the AWS CLI that set up each one's inventory are printed, to look at and to run;
with --apply they are carried out. The first inventory takes up to 48 hours.

The destination bucket must let S3 write to it. The one that the ecs stack
creates does, for inventories of its own account.`,
		Example: `  aws s3api list-buckets --query 'Buckets[].[Name]' --output text |
    s3bundler-cfn inventory --destination my-archive --prefix inventory`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.destination, "destination", "", "`BUCKET` that inventories go to")
	fs.StringVar(&f.conf.Prefix, "prefix", "inventory", "`PREFIX` of inventories in it")
	fs.StringVar(&f.conf.Account, "account", "", "`ID` of the account that must own it (default: not checked)")
	fs.StringVar(&f.conf.ID, "id", "s3bundler", "`NAME` of the inventory configuration; one of that name is replaced")
	fs.StringVar(&f.conf.Format, "format", "CSV", "`FORMAT`: CSV, ORC or Parquet")
	fs.StringVar(&f.conf.Frequency, "frequency", "Daily", "`WORD`: Daily or Weekly")
	fs.StringVar(&f.conf.Versions, "versions", "Current", "object versions to list, `WORD`: Current or All")
	fs.StringSliceVar(&f.conf.Fields, "fields", []string{"Size", "LastModifiedDate", "StorageClass", "ETag"}, "`COLUMN`s beside bucket and key; Size must be among them")
	fs.StringVarP(&f.file, "file", "f", "-", "`FILE` that holds the bucket names; - is standard input")
	fs.BoolVar(&f.apply, "apply", false, "set the inventories up, instead of printing the commands")
	f.Flags.Add(cmd)
	_ = cmd.MarkFlagRequired("destination") // it fails for unknown flags alone
	cli.Exits(cmd, fault.API)
	return cmd
}

func (f *inventoryFlags) run(cmd *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	buckets, err := f.buckets(cmd.InOrStdin())
	if err != nil {
		return err
	}
	if f.apply {
		return f.set(cmd.Context(), f.Console(cmd), buckets)
	}
	var b strings.Builder
	for _, bucket := range buckets {
		line, err := f.command(bucket)
		if err != nil {
			return err
		}
		b.WriteString(line + "\n")
	}
	if _, err := io.WriteString(cmd.OutOrStdout(), b.String()); err != nil {
		return fault.New(fault.Write, "write", "standard output", err, "")
	}
	return nil
}

func (f *inventoryFlags) check() error {
	if !isBucket(f.destination) {
		return cli.Usagef("--destination %q is no bucket name", f.destination)
	}
	f.conf.BucketARN = "arn:" + partition(f.Region) + ":s3:::" + f.destination
	if f.conf.Account != "" && !regexp.MustCompile(`^[0-9]{12}$`).MatchString(f.conf.Account) {
		return cli.Usagef("--account %q is no account: write its 12 digits", f.conf.Account)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`).MatchString(f.conf.ID) {
		return cli.Usagef("--id %q: write letters, digits, dots, dashes and underscores, 64 at most", f.conf.ID)
	}
	for _, c := range []choices{
		{"format", f.conf.Format, []string{"CSV", "ORC", "Parquet"}},
		{"frequency", f.conf.Frequency, []string{"Daily", "Weekly"}},
		{"versions", f.conf.Versions, []string{"Current", "All"}},
	} {
		if !slices.Contains(c.of, c.value) {
			return cli.Usagef("--%s %q: write %s", c.flag, c.value, strings.Join(c.of, " or "))
		}
	}
	if !slices.Contains(f.conf.Fields, "Size") {
		return cli.Usagef("--fields must hold Size: s3grouper needs it")
	}
	return nil
}

// buckets reads all names before anything is done; one that is none is
// refused.
func (f *inventoryFlags) buckets(in io.Reader) ([]string, error) {
	if f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return nil, fault.New(fault.Usage, "read", "", err, "")
		}
		defer file.Close()
		in = file
	}
	var names []string
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		name := strings.TrimSpace(lines.Text())
		switch {
		case name == "":
		case !isBucket(name):
			return nil, fault.New(fault.Usage, "read bucket names", fmt.Sprintf("line %d", n), fmt.Errorf("%q is no bucket name", name), "")
		case name == f.destination:
			// Listing the archive would make archives of archives.
		default:
			names = append(names, name)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fault.New(fault.Usage, "read bucket names", "", err, "")
	}
	return names, nil
}

func isBucket(name string) bool {
	return regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`).MatchString(name)
}

// partition of AWS that a region belongs to. See "AWS partitions" in the AWS
// Fault Isolation Boundaries paper.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// command is a line for a shell. The names and words in it are checked, but
// for the prefix and the fields, and are quoted all.
func (f *inventoryFlags) command(bucket string) (string, error) {
	type destination struct {
		AccountID string `json:"AccountId,omitempty"`
		Bucket    string
		Format    string
		Prefix    string `json:",omitempty"`
	}
	b, err := json.Marshal(struct {
		Destination            map[string]destination
		IsEnabled              bool
		ID                     string `json:"Id"`
		IncludedObjectVersions string
		OptionalFields         []string
		Schedule               map[string]string
	}{
		map[string]destination{"S3BucketDestination": {f.conf.Account, f.conf.BucketARN, f.conf.Format, f.conf.Prefix}},
		true, f.conf.ID, f.conf.Versions, f.conf.Fields, map[string]string{"Frequency": f.conf.Frequency},
	})
	if err != nil {
		return "", err
	}
	words := []string{"aws"}
	for _, o := range [][2]string{{"--region", f.Region}, {"--profile", f.Profile}, {"--endpoint-url", f.EndpointURL}} {
		if o[1] != "" {
			words = append(words, o[0], quoted(o[1]))
		}
	}
	words = append(words, "s3api", "put-bucket-inventory-configuration", "--bucket", bucket,
		"--id", f.conf.ID, "--inventory-configuration", quoted(string(b)))
	return strings.Join(words, " "), nil
}

// quoted makes one word of s for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// set sets up the inventory of every bucket, those after a failure too.
func (f *inventoryFlags) set(ctx context.Context, con *cli.Console, buckets []string) error {
	c, err := aws.Load(ctx, aws.Settings{Region: f.Region, Profile: f.Profile, EndpointURL: f.EndpointURL})
	if err != nil {
		return err
	}
	s3 := aws.NewS3(c)
	defer s3.Close()
	failed := 0
	for _, bucket := range buckets {
		switch err := s3.PutInventoryConfiguration(ctx, bucket, f.conf); {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			con.Log.Error("set up inventory", "err", err)
			failed++
		default:
			con.Notice("inventory of s3://" + bucket + " goes to s3://" + f.destination + "/" + f.conf.Prefix)
		}
	}
	if failed > 0 {
		return fault.New(fault.API, "set up inventories", "", errors.New("failed for "+fmt.Sprintf("%d of %d buckets", failed, len(buckets))), "")
	}
	return nil
}
