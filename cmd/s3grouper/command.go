package main

import (
	"github.com/spf13/cobra"

	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/grouper"
	"s3bundler/internal/object"
)

const description = `Turn one delivery of an S3 Inventory into manifests of a bounded size.

The inventory must be in CSV. Its objects, in its order, go into manifests at
s3://BUCKET/PREFIX/<path>-KEY.<n>.index, where <path> is the folder of its
manifest.json with - for /. A manifest that is there already is left alone if
it is the same, so that the same command goes on where it was stopped. One of
other content, or with a number behind the last, is of a run with other flags:
that is an error, or, with --overwrite, it is replaced or deleted.

Objects in GLACIER and DEEP_ARCHIVE, which must be restored before they can be
read, are left out; -g takes them and nothing else. An inventory of all versions
needs -f "Bucket Key Size VersionId", for s3bundler too; delete markers are never
taken. No row counts before its data file was read to the end and found right.`

const examples = `  s3grouper -m s3://inventory/my-bucket/all/2026-11-23T01-00Z/manifest.json \
    -b archive -p manifests

  # every version, and its ETag; s3bundler must get the same -f
  s3grouper -m s3://inventory/my-bucket/all/2026-11-23T01-00Z/manifest.json \
    -b archive -p manifests -f Bucket Key Size VersionId ETag`

// spelling is what POSIX flags don't know and scripts hold.
func spelling() cli.Spelling {
	return cli.Spelling{
		Aliases: map[string]string{"-no-rr": "--no-reduced-redundancy"},
		Lists:   []string{"-f", "--fieldnames"},
	}
}

// options are the command's flags.
type options struct {
	cli.Flags
	grouper.Options
	report object.Location
}

func newCommand() *cobra.Command {
	o := options{Options: grouper.Defaults()}
	cmd := &cobra.Command{
		Use:                   "s3grouper -m s3://BUCKET/KEY -b BUCKET [flags]",
		Short:                 "Turn an S3 Inventory into manifests of a bounded size",
		Long:                  description,
		Example:               examples,
		Args:                  cobra.NoArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Check(); err != nil {
				return cli.Usagef("%v", err)
			}
			return o.run(cmd)
		},
	}
	fs := cmd.Flags()
	fs.VarP(cli.ObjectURI(&o.report), "manifest", "m", "the inventory's manifest.json")
	fs.StringVarP(&o.Bucket, "bucket", "b", "", "`BUCKET` for the manifests")
	fs.StringVarP(&o.Prefix, "prefix", "p", o.Prefix, "`PREFIX` of the manifests' keys")
	fs.StringVarP(&o.Suffix, "key", "k", o.Suffix, "`KEY` that ends the manifests' names, before the number")
	fs.VarP(&o.MaxBytes, "size-threshold", "s", "a manifest is full when its objects have so many bytes together")
	fs.IntVarP(&o.MaxRows, "count-threshold", "c", o.MaxRows, "or when it has `N` objects")
	fs.StringVarP(&o.Include, "include", "i", "", "take only keys that start with `PREFIX`")
	fs.BoolVarP(&o.Glacier, "glacier", "g", false, "take the objects in GLACIER and DEEP_ARCHIVE, and only them")
	fs.VarP(&o.Fields, "fieldnames", "f", "columns to write: Bucket Key Size and any of VersionId ETag LastModifiedDate")
	fs.BoolVar(&o.Overwrite, "overwrite", false, "replace manifests of an earlier run under the same names, and delete those it had more")
	fs.BoolVar(&o.ReducedRedundancy, "reduced-redundancy", false, "store the manifests as REDUCED_REDUNDANCY")
	fs.Bool("no-reduced-redundancy", false, "store them as STANDARD, which is the default; also -no-rr")
	o.AddWithRegion(cmd, "r")
	for _, name := range []string{"manifest", "bucket"} {
		_ = cmd.MarkFlagRequired(name) // it fails for unknown flags alone
	}
	cmd.MarkFlagsMutuallyExclusive("reduced-redundancy", "no-reduced-redundancy")
	cli.Exits(cmd, fault.Read, fault.Upload, fault.Download, fault.Compress, fault.API)
	return cmd
}
