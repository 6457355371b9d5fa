package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/klauspost/compress/gzip"
)

// inventory is a delivery of S3 Inventory, in the stub and in files.
type inventory struct {
	report string // bucket and key of its manifest.json
	files  []string
	rows   int
}

// takeInventory makes an inventory of a bucket with a number of small objects,
// with the columns that every inventory has and no more: what does not
// compress, an ETag, would have gzip take longer than s3grouper's work does.
func (r *runner) takeInventory(ctx context.Context, name string, rows int) (inventory, error) {
	type file struct {
		Key  string `json:"key"`
		Size int    `json:"size"`
		MD5  string `json:"MD5checksum"`
	}
	inv := inventory{rows: rows, report: "kept/" + name + "/2026-11-23T01-00Z/manifest.json"}
	var files []file
	for i := range dataFiles {
		from, to := rows*i/dataFiles, rows*(i+1)/dataFiles
		path := filepath.Join(r.folder, fmt.Sprintf("%s-%02d.csv.gz", name, i))
		if err := writeFile(path, func(w io.Writer) error { return writeRows(w, from, to) }); err != nil {
			return inv, err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return inv, err
		}
		sum := md5.Sum(data)
		f := file{Key: fmt.Sprintf("%s/data/%02d.csv.gz", name, i), Size: len(data), MD5: hex.EncodeToString(sum[:])}
		if err := r.running.put(ctx, "kept/"+f.Key, data); err != nil {
			return inv, err
		}
		files = append(files, f)
		inv.files = append(inv.files, path)
	}
	report, err := json.Marshal(map[string]any{
		"sourceBucket": "source", "destinationBucket": "arn:aws:s3:::kept", "version": "2016-11-30",
		"creationTimestamp": "1795395600000", "fileFormat": "CSV",
		"fileSchema": "Bucket, Key, Size, LastModifiedDate, StorageClass", "files": files,
	})
	if err != nil {
		return inv, err
	}
	return inv, r.running.put(ctx, inv.report, report)
}

// writeRows writes a data file: every field is quoted.
func writeRows(w io.Writer, from, to int) error {
	zw := gzip.NewWriter(w)
	var line []byte
	for i := from; i < to; i++ {
		line = fmt.Appendf(line[:0], `"source","logs/2026/%02d/%02d/obj-%08d.bin","`, i/900_000%12+1, i/30_000%30+1, i)
		line = strconv.AppendInt(line, int64(i)*7919%20_000, 10)
		line = fmt.Appendf(line, `","2026-%02d-%02dT%02d:%02d:%02d.000Z","STANDARD"`+"\n",
			i/900_000%12+1, i/30_000%30+1, i/1250%24, i/21%60, i*31%60)
		if _, err := zw.Write(line); err != nil {
			return err
		}
	}
	return zw.Close()
}
