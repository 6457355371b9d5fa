package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/store"
)

const catDescription = `Write the content of one archived object to standard output.

An index tells where in its archive the object lies, so that this takes one
ranged GET, of the object or of the compressed block it is in. Without such an
index the archive is read up to the object. The content is checked against the
index's checksum; if it is not what it should be, the command says so and fails
after having written it. For the copy of a big object no KEY is needed.

If several objects have the key, of several buckets or versions, the command
says so and writes none. With --source-bucket it does not look for them further
than it must.`

const catExamples = `  s3bundler cat s3://my-archive/archive/c3e7f3/src1/x-manifest.0.index logs/000/obj-000000.bin

  # the first kilobyte
  s3bundler cat s3://my-archive/archive/c3e7f3/src1/x-manifest.0.index logs/a.gz --range 0-1023`

func newCat() *cobra.Command {
	var o struct {
		reading
		retrieve.CatOptions
		part span
	}
	cmd := &cobra.Command{
		Use:                   "cat s3://BUCKET/KEY.index KEY [flags]",
		Short:                 "Write one archived object to standard output",
		Long:                  catDescription,
		Example:               catExamples,
		Args:                  oneOrTwo,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := object.ParseObjectURI(args[0])
			if err != nil {
				return cli.Usagef("%v", err)
			}
			if err := checkThaw(o.Thaw); err != nil {
				return err
			}
			s3, err := o.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer s3.Close()
			source, err := retrieve.One(cmd.Context(), s3, l)
			if err != nil {
				return err
			}
			key := ""
			switch {
			case len(args) == 2:
				key = args[1]
			case !source.Copy:
				return cli.Usagef("which object? name its key after the index")
			}
			o.Range, o.Log = store.Range(o.part), o.Console(cmd).Log
			return retrieve.Cat(cmd.Context(), s3, source, key, cmd.OutOrStdout(), o.CatOptions)
		},
	}
	fs := cmd.Flags()
	fs.Var(&o.part, "range", "only these bytes: 0-1023, or 1024- for all from there on; unchecked")
	fs.StringVar(&o.Bucket, "source-bucket", "", "the object's `BUCKET`, where several have the key")
	fs.StringVar(&o.VersionID, "version-id", "", "the object's version `ID`, where several have the key")
	addTrust(fs, &o.NoCheck, &o.AnyETag)
	addThaw(fs, &o.Thaw)
	o.add(cmd, 1, "")
	_ = fs.MarkHidden("in-flight") // it fails for unknown flags alone
	cli.Exits(cmd, fault.Read, fault.Download, fault.Compress, fault.API)
	return cmd
}

func oneOrTwo(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 1, 2:
		return nil
	case 0:
		return errors.New("name an index and a key: s3://BUCKET/KEY.index KEY")
	}
	return errors.New("name one index and one key; a key with spaces needs quotes")
}

// span is a flag value: a range of bytes, its last included.
type span store.Range

func (s *span) Set(text string) error {
	from, to, ok := strings.Cut(text, "-")
	a, err := strconv.ParseInt(from, 10, 64)
	b := int64(0)
	if err == nil && to != "" {
		b, err = strconv.ParseInt(to, 10, 64)
	}
	if !ok || err != nil || a < 0 || to != "" && b < a || b == math.MaxInt64 {
		return fmt.Errorf("%q is no range: write FIRST-LAST in bytes from 0, or FIRST-", text)
	}
	*s = span{Offset: a}
	if to != "" {
		s.Length = b - a + 1
	}
	return nil
}

func (s *span) String() string {
	switch {
	case s == nil || *s == span{}:
		return ""
	case s.Length == 0:
		return fmt.Sprintf("%d-", s.Offset)
	}
	return fmt.Sprintf("%d-%d", s.Offset, s.Offset+s.Length-1)
}

func (s *span) Type() string { return "FIRST-LAST" }
