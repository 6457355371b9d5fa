// Package inventory reads S3 Inventory: the report, whose file is called
// manifest.json, and the rows of the data files that it names. See "Amazon S3
// Inventory" in the S3 User Guide.
package inventory

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// reportVersion is the only one that S3 has ever written.
const reportVersion = "2016-11-30"

// maxReport bounds a report. One data file of some million rows takes about
// 150 bytes of it.
const maxReport = 16 << 20

const (
	hintReport = "give the manifest.json of one delivery of an S3 Inventory"
	hintAgain  = "take another delivery of this inventory, or set a new one up"
)

// Report is what one delivery of an inventory says of itself.
type Report struct {
	// Location is where its manifest.json lies.
	Location object.Location
	// SourceBucket is the bucket that the inventory lists.
	SourceBucket string
	// Created is in UTC; zero if the report does not tell.
	Created time.Time
	// Schema is that of all data files.
	Schema Schema
	// Files are the data files, at least one, in the report's order.
	Files []File
}

// File is a data file: some of the inventory's rows as gzipped CSV.
type File struct {
	// Location is in the bucket of the report.
	Location object.Location
	// Size is that of the compressed file in bytes, as reported.
	Size int64
	// MD5 is that of the compressed file, as reported.
	MD5 [16]byte
}

// Size is that of all data files in bytes.
func (r Report) Size() (sum int64) {
	for _, f := range r.Files {
		sum += f.Size
	}
	return sum
}

type reportJSON struct {
	SourceBucket      string          `json:"sourceBucket"`
	Version           string          `json:"version"`
	CreationTimestamp json.RawMessage `json:"creationTimestamp"`
	FileFormat        string          `json:"fileFormat"`
	FileSchema        string          `json:"fileSchema"`
	Files             []struct {
		Key  string `json:"key"`
		Size *int64 `json:"size"`
		MD5  string `json:"MD5checksum"`
	} `json:"files"`
}

// ReadReport reads the report at a location from r and checks that its data
// files can be used. Its errors have kind Read, but for those of r.
func ReadReport(r io.Reader, at object.Location) (Report, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxReport+1))
	if err != nil {
		return Report{}, err
	}
	report, hint, err := parseReport(data, at)
	if err != nil {
		return Report{}, fault.New(fault.Read, "read inventory report", at.String(), err, hint)
	}
	return report, nil
}

func parseReport(data []byte, at object.Location) (_ Report, hint string, err error) {
	var in reportJSON
	if len(data) > maxReport {
		return Report{}, hintReport, fmt.Errorf("it is longer than %d bytes", maxReport)
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return Report{}, hintReport, fmt.Errorf("it is no inventory report: %w", err)
	}
	if in.Version != reportVersion {
		return Report{}, hintReport, fmt.Errorf("its version is %q, not %s", in.Version, reportVersion)
	}
	if in.FileFormat != "CSV" {
		return Report{}, "set the inventory's output format to CSV",
			fmt.Errorf("its data files have the format %q, and only CSV can be read", in.FileFormat)
	}
	out := Report{Location: at, SourceBucket: in.SourceBucket}
	if ms, err := strconv.ParseInt(string(bytes.Trim(in.CreationTimestamp, `"`)), 10, 64); err == nil {
		out.Created = time.UnixMilli(ms).UTC()
	}
	if out.Schema, err = ParseSchema(in.FileSchema); err != nil {
		return Report{}, "add the column to the inventory's configuration", err
	}
	if len(in.Files) == 0 {
		return Report{}, hintAgain, errors.New("it names no data files")
	}
	seen := make(map[string]bool, len(in.Files))
	for i, f := range in.Files {
		sum, err := hex.DecodeString(f.MD5)
		switch {
		case f.Key == "":
			err = fmt.Errorf("data file %d has no key", i+1)
		case seen[f.Key]:
			err = fmt.Errorf("data file %q is named twice", f.Key)
		case f.Size == nil || *f.Size < 0:
			err = fmt.Errorf("data file %q has no size", f.Key)
		case err != nil || len(sum) != 16:
			err = fmt.Errorf("data file %q has the MD5 %q, which is none", f.Key, f.MD5)
		}
		if err != nil {
			return Report{}, hintAgain, err
		}
		seen[f.Key] = true
		out.Files = append(out.Files, File{
			Location: object.Location{Bucket: at.Bucket, Key: f.Key},
			Size:     *f.Size,
			MD5:      [16]byte(sum),
		})
	}
	return out, "", nil
}
