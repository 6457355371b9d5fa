// Package grouper turns one delivery of an S3 Inventory into manifests of a
// bounded size.
package grouper

import (
	"errors"
	"fmt"
	"slices"

	"s3bundler/internal/fault"
	"s3bundler/internal/inventory"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
)

// Options say which rows go where. Start with Defaults.
type Options struct {
	// Bucket takes the manifests, below Prefix. Suffix ends their names before
	// the number: see manifest.Output.
	Bucket, Prefix, Suffix string
	// A manifest is full when its objects have MaxBytes together, or are
	// MaxRows. The object that fills it is its last, so that it may hold more
	// than MaxBytes.
	MaxBytes object.ByteSize
	MaxRows  int
	// Include takes only objects whose decoded key starts with it.
	Include string
	// Glacier takes the objects that must be restored before they can be read
	// (GLACIER, DEEP_ARCHIVE) instead of all others.
	Glacier bool
	// Overwrite replaces manifests of other content under the same names, and
	// deletes those that an earlier run has written behind this run's last.
	Overwrite bool
	// ReducedRedundancy stores the manifests in that storage class.
	ReducedRedundancy bool
	// Fields are the columns of the manifests: Bucket, Key and Size, and then
	// any of VersionId, ETag and LastModifiedDate.
	Fields manifest.Fields
	// Progress, if set, is told now and then how far the run is, from the
	// goroutine that called Run.
	Progress func(Stats)
}

// Defaults are those of the command line.
func Defaults() Options {
	return Options{
		Prefix:   "s3grouper-output",
		Suffix:   "manifest",
		MaxBytes: 4 * object.GiB,
		MaxRows:  65000,
		Fields:   manifest.DefaultFields(),
	}
}

// Check finds wrong options before a run does.
func (o Options) Check() error {
	want := []manifest.Column{manifest.Bucket, manifest.Key, manifest.Size}
	columns := o.Fields.Columns()
	switch {
	case o.Bucket == "":
		return errors.New("no bucket for the manifests is given")
	case o.MaxBytes < 1:
		return errors.New("the size threshold must be 1 byte or more")
	case o.MaxRows < 1:
		return errors.New("the count threshold must be 1 or more")
	case len(columns) < len(want) || !slices.Equal(columns[:len(want)], want):
		return fmt.Errorf("the columns %q do not start with Bucket Key Size", o.Fields)
	}
	for _, c := range columns[len(want):] {
		if c != manifest.VersionID && c != manifest.ETag && c != manifest.LastModified {
			return fmt.Errorf("the columns %q hold another than Bucket Key Size VersionId ETag LastModifiedDate", o.Fields)
		}
	}
	return nil
}

// checkReport finds columns that are to be written and are not there, or that
// are there and must be written.
func (o Options) checkReport(r inventory.Report) error {
	// Only an inventory of all versions has the column. Without its version
	// ID, an old version would be archived as what is current.
	if r.Schema.Has("IsLatest") && !o.Fields.Has(manifest.VersionID) {
		return fault.New(fault.Usage, "group inventory", r.Location.String(),
			errors.New("it lists all versions of the objects, and manifests without version IDs stand for current ones alone"),
			`give -f "Bucket Key Size VersionId" here and to s3bundler`)
	}
	for _, c := range o.Fields.Columns() {
		if !r.Schema.Has(c.String()) {
			return fault.New(fault.Read, "read inventory report", r.Location.String(),
				fmt.Errorf("its schema %q has no column %s", r.Schema, c),
				"add the column to the inventory's configuration, or leave it out of --fieldnames")
		}
	}
	return nil
}
