package sandbox

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"s3bundler/internal/object"
)

// Listed is a row of an inventory.
type Listed struct {
	Key      string // decoded
	Size     int64
	Modified time.Time
	ETag     string
	Class    string // empty means STANDARD
}

// DeliverInventory puts an inventory of the bucket source below a prefix, as
// S3 delivers one in CSV: a manifest.json, and data files, whose rows are
// those given, in order. See "Amazon S3 Inventory list" in the S3 User Guide.
// It returns where manifest.json lies.
func (s *Server) DeliverInventory(to object.Location, source string, files int, rows []Listed) (report object.Location, err error) {
	type file struct {
		Key  string `json:"key"`
		Size int    `json:"size"`
		MD5  string `json:"MD5checksum"`
	}
	folder := to.Key + source + "/all/"
	put := func(key string, body []byte) error {
		_, _, err := s.Plant(to.Bucket, key, Planted{Body: body})
		return err
	}
	var listed []file
	for i := range files {
		data, err := inventoryFile(source, rows[len(rows)*i/files:len(rows)*(i+1)/files])
		if err != nil {
			return object.Location{}, err
		}
		sum := md5.Sum(data)
		f := file{Key: fmt.Sprintf("%sdata/%x-%d.csv.gz", folder, sum[:8], i), Size: len(data), MD5: hex.EncodeToString(sum[:])}
		if err := put(f.Key, data); err != nil {
			return object.Location{}, err
		}
		listed = append(listed, f)
	}
	const taken = "2026-11-23T01-00Z"
	body, err := json.MarshalIndent(map[string]any{
		"sourceBucket":      source,
		"destinationBucket": "arn:aws:s3:::" + to.Bucket,
		"version":           "2016-11-30",
		"creationTimestamp": "1795395600000",
		"fileFormat":        "CSV",
		"fileSchema":        "Bucket, Key, Size, LastModifiedDate, ETag, StorageClass",
		"files":             listed,
	}, "", "  ")
	if err != nil {
		return object.Location{}, err
	}
	report = object.Location{Bucket: to.Bucket, Key: folder + taken + "/manifest.json"}
	return report, put(report.Key, body)
}

// inventoryFile is a data file: gzip, every field quoted, keys encoded.
func inventoryFile(source string, rows []Listed) ([]byte, error) {
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	for _, r := range rows {
		class := r.Class
		if class == "" {
			class = "STANDARD"
		}
		fields := []string{source, object.EncodeKey(r.Key), strconv.FormatInt(r.Size, 10), r.Modified.UTC().Format(time.RFC3339), r.ETag, class}
		if _, err := fmt.Fprintf(zw, "\"%s\"\n", strings.Join(fields, `","`)); err != nil {
			return nil, err
		}
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
