package main

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
)

const (
	inventoryChunks = 4
	inventoryDate   = "2026-11-23T01-00Z"
)

// takeInventory writes an inventory as S3 does ("Amazon S3 Inventory", S3 User
// Guide), and returns the URI of its manifest.json.
func (w *world) takeInventory() (string, error) {
	type file struct {
		Key  string `json:"key"`
		Size int    `json:"size"`
		MD5  string `json:"MD5checksum"`
	}
	slices.SortStableFunc(w.objects, func(a, b planted) int { return strings.Compare(a.key, b.key) })
	var files []file
	folder := sourceBucket + "/everything/"
	for i := range inventoryChunks {
		from, to := len(w.objects)*i/inventoryChunks, len(w.objects)*(i+1)/inventoryChunks
		data, err := rows(w.objects[from:to])
		if err != nil {
			return "", err
		}
		sum := md5.Sum(data)
		f := file{Key: fmt.Sprintf("%sdata/%x.csv.gz", folder, sum[:8]), Size: len(data), MD5: hex.EncodeToString(sum[:])}
		if err := w.store(f.Key, data); err != nil {
			return "", err
		}
		files = append(files, f)
	}
	report, err := json.MarshalIndent(map[string]any{
		"sourceBucket":      sourceBucket,
		"destinationBucket": "arn:aws:s3:::" + inventoryBucket,
		"version":           "2016-11-30",
		"creationTimestamp": "1795395600000",
		"fileFormat":        "CSV",
		"fileSchema":        "Bucket, Key, Size, LastModifiedDate, ETag, StorageClass",
		"files":             files,
	}, "", "  ")
	if err != nil {
		return "", err
	}
	key := folder + inventoryDate + "/manifest.json"
	return "s3://" + inventoryBucket + "/" + key, w.store(key, report)
}

// rows is a data file of an inventory: every field is quoted, and keys are
// encoded.
func rows(objects []planted) ([]byte, error) {
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	for _, p := range objects {
		class := p.class
		if class == "" {
			class = "STANDARD"
		}
		fields := []string{sourceBucket, object.EncodeKey(p.key), strconv.Itoa(p.size), p.modified.Format(time.RFC3339), p.etag, class}
		if _, err := fmt.Fprintf(zw, "\"%s\"\n", strings.Join(fields, `","`)); err != nil {
			return nil, err
		}
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func (w *world) store(key string, body []byte) error {
	_, _, err := w.server.Plant(inventoryBucket, key, sandbox.Planted{Body: body})
	return err
}

// deleteOne deletes an object that the inventory still lists.
func (w *world) deleteOne() error {
	for i, p := range w.objects {
		if p.key != "special/deleted-after-inventory" {
			continue
		}
		w.objects[i].deleted = true
		req, err := http.NewRequest(http.MethodDelete, w.url(sourceBucket, p.key), nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	return nil
}
