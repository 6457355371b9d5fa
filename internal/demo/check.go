package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"s3bundler/internal/object"
)

// The checks use nothing of the product but the decoding of keys: S3 is read
// over plain HTTP, archives and indexes by the standard library.

// url is where the local S3, which lets everyone in, has an object.
func (w *world) url(bucket, key string) string {
	return w.server.URL() + "/" + bucket + "/" + strings.ReplaceAll(url.PathEscape(key), "%2F", "/")
}

func (w *world) get(bucket, key string) ([]byte, error) { return fetch(w.url(bucket, key)) }

func fetch(url string) ([]byte, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// list gives the keys of a bucket.
func (w *world) list(bucket string) (keys []string, err error) {
	token := ""
	for {
		q := url.Values{"list-type": {"2"}, "encoding-type": {"url"}}
		if token != "" {
			q.Set("continuation-token", token)
		}
		body, err := fetch(w.url(bucket, "") + "?" + q.Encode())
		if err != nil {
			return nil, err
		}
		var page struct {
			Contents              []struct{ Key string }
			NextContinuationToken string
		}
		if err := xml.Unmarshal(body, &page); err != nil {
			return nil, err
		}
		for _, c := range page.Contents {
			key, err := url.QueryUnescape(c.Key)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
		if token = page.NextContinuationToken; token == "" {
			return keys, nil
		}
	}
}

// export writes what lies in a bucket into files, and names it.
func (w *world) export(bucket string) error {
	keys, err := w.list(bucket)
	if err != nil {
		return err
	}
	for _, key := range keys {
		body, err := w.get(bucket, key)
		if err != nil {
			return err
		}
		file := filepath.Join(w.out, bucket, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, body, 0o644); err != nil {
			return err
		}
		if strings.HasSuffix(key, ".tar") {
			w.anArchive = file
		}
		w.result(fmt.Sprintf("%8d  %s", len(body), key))
	}
	return nil
}

// account looks for every row of the inventory in a bucket: in archives, in
// copies of big objects, in dead letters.
func (w *world) account(bucket string) error {
	found := map[string][]string{}
	keys, err := w.list(bucket)
	if err != nil {
		return err
	}
	contents := map[string]planted{}
	for _, p := range w.objects {
		contents[p.key] = p
	}
	members, copies, letters := 0, 0, 0
	for _, key := range keys {
		body, err := w.get(bucket, key)
		if err != nil {
			return err
		}
		_, big, isBig := strings.Cut(key, "/"+sourceBucket+"/bigobjects/")
		switch {
		case strings.HasSuffix(key, ".dlq"):
			rows, err := records(body)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			for _, r := range rows {
				letters++
				k := object.DecodeKey(r[1])
				found[k] = append(found[k], "dead letter: "+r[4])
			}
		case isBig && !strings.HasSuffix(key, ".metadata"):
			copies++
			if !contents[big].holds(body) {
				return fmt.Errorf("the copy of %q differs", big)
			}
			found[big] = append(found[big], "copy")
		case strings.HasSuffix(key, ".tar"), strings.HasSuffix(key, ".tar.gz"):
			n, err := w.members(bucket, key, body, contents, found)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			members += n
		}
	}
	var wrong []error
	for _, p := range w.objects {
		if n := len(found[p.key]); n != 1 {
			wrong = append(wrong, fmt.Errorf("%q is in %d places: %v", p.key, n, found[p.key]))
		}
		delete(found, p.key)
	}
	for key, where := range found {
		wrong = append(wrong, fmt.Errorf("%q is in %v, and in no inventory", key, where))
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	w.result(fmt.Sprintf("Yes: %s rows = %s in archives + %d copied + %d dead letters.", count(len(w.objects)), count(members), copies, letters))
	return nil
}

// members checks an archive against its index and the source.
func (w *world) members(bucket, key string, body []byte, contents map[string]planted, found map[string][]string) (n int, err error) {
	var stream io.Reader = bytes.NewReader(body)
	if strings.HasSuffix(key, ".gz") {
		if stream, err = gzip.NewReader(stream); err != nil {
			return 0, err
		}
	}
	index, err := w.get(bucket, strings.TrimSuffix(strings.TrimSuffix(key, ".gz"), ".tar")+".index")
	if err != nil {
		return 0, err
	}
	rows, err := records(index)
	if err != nil {
		return 0, err
	}
	tr := tar.NewReader(stream)
	for ; ; n++ {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return n, err
		}
		name, ok := strings.CutPrefix(h.Name, sourceBucket+"/")
		p := contents[name]
		content, err := io.ReadAll(tr)
		switch {
		case err != nil:
			return n, err
		case !ok || !p.holds(content):
			return n, fmt.Errorf("member %q is not what the source holds", h.Name)
		case !h.ModTime.Equal(p.modified):
			return n, fmt.Errorf("member %q is of %v, the object of %v", h.Name, h.ModTime, p.modified)
		case n >= len(rows) || object.DecodeKey(rows[n][1]) != name:
			return n, fmt.Errorf("the index says something else of member %q", h.Name)
		}
		found[name] = append(found[name], key)
	}
	if n != len(rows) {
		return n, fmt.Errorf("%d members, %d rows in the index", n, len(rows))
	}
	return n, nil
}

func records(body []byte) ([][]string, error) {
	r := csv.NewReader(bytes.NewReader(body))
	r.FieldsPerRecord = -1
	return r.ReadAll()
}
