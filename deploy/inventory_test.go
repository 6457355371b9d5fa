package deploy_test

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// sizes are what an inventory tells of objects.
func sizes(objects map[string][]byte) map[string]int64 {
	all := map[string]int64{}
	for key, body := range objects {
		all[key] = int64(len(body))
	}
	return all
}

// source are objects to archive, by key.
func source(n int) map[string][]byte {
	objects := make(map[string][]byte, n)
	for i := range n {
		objects[fmt.Sprintf("logs/%03d/obj %04d.bin", i%10, i)] = bytes.Repeat([]byte{byte(i)}, 100+i)
	}
	return objects
}

// inventory writes what S3 Inventory delivers for a bucket: put is called with
// each key and content, the manifest.json last. It returns that one's key.
func inventory(t *testing.T, bucket string, sizes map[string]int64, put func(key string, body []byte)) string {
	t.Helper()
	var rows bytes.Buffer
	z := gzip.NewWriter(&rows)
	for _, key := range slices.Sorted(maps.Keys(sizes)) {
		encoded := bytes.ReplaceAll([]byte(key), []byte(" "), []byte("+"))
		if _, err := fmt.Fprintf(z, "%q,%q,\"%d\"\n", bucket, encoded, sizes[key]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	folder := "inventory/" + bucket + "/s3bundler/"
	data, report := folder+"data/0.csv.gz", folder+"2026-11-23T01-00Z/manifest.json"
	put(data, rows.Bytes())
	sum := md5.Sum(rows.Bytes())
	b, err := json.Marshal(map[string]any{
		"sourceBucket": bucket, "destinationBucket": "arn:aws:s3:::archive", "version": "2016-11-30",
		"creationTimestamp": "1764000000000", "fileFormat": "CSV", "fileSchema": "Bucket, Key, Size",
		"files": []any{map[string]any{"key": data, "size": rows.Len(), "MD5checksum": hex.EncodeToString(sum[:])}},
	})
	if err != nil {
		t.Fatal(err)
	}
	put(report, b)
	return report
}
