package chaos

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// verify checks what the workers leave, with nothing of the product: S3 is read
// over plain HTTP, archives and indexes by the standard library.
func (r *run) verify() {
	r.t.Helper()
	keys := r.list()
	places := map[string][]string{} // where each object is, by key
	count := map[string]int{}
	for _, key := range keys {
		var err error
		kind := key[strings.LastIndexByte(key, '.'):]
		_, copied, isCopy := strings.Cut(key, "/"+source+"/bigobjects/")
		switch {
		case isCopy && kind == ".metadata":
			kind = "metadata"
			err = r.verifyMetadata(key, strings.TrimSuffix(copied, ".metadata"))
		case isCopy:
			kind = "copy"
			places[copied] = append(places[copied], key)
			err = r.same(copied, r.get(key))
		case kind == ".tar" || kind == ".gz":
			kind = "archive"
			err = r.verifyArchive(key, places)
		case kind == ".index" && strings.HasPrefix(key, "archive/"):
			kind = "index" // verifyArchive reads it
		case kind == ".dlq":
			err = r.verifyLetters(key, places)
		case kind == ".index":
			kind = "manifest"
		default:
			err = fmt.Errorf("nothing is to be under this key")
		}
		if err != nil {
			r.t.Errorf("%s: %v", key, err)
		}
		count[kind]++
	}
	for key := range r.contents {
		if n := len(places[key]); n != 1 {
			r.t.Errorf("%q is in %d places: %q", key, n, places[key])
		}
		delete(places, key)
	}
	for key, at := range places {
		r.t.Errorf("%q, which the inventory does not list, is in %q", key, at)
	}
	if count["manifest"] != *manifests || count["archive"] != *manifests || count["index"] != *manifests || count["copy"] != count["metadata"] {
		r.t.Errorf("%d manifests became %v", *manifests, count)
	}
	r.verifyQueues()
	r.verifyDone()
	if left := r.plan.left(); *manifests >= 48 && len(left) > 0 {
		r.t.Errorf("nobody was upset by %q", left)
	}
}

// verifyQueues checks that no message was lost: those that nobody can work on
// are still there, in one of the queues, and no other is.
func (r *run) verifyQueues() {
	var all []string
	for _, q := range []string{work, dead} {
		bodies, err := r.queues.Bodies(q)
		r.must(err)
		all = append(all, bodies...)
	}
	slices.Sort(all)
	slices.Sort(r.poison)
	if !slices.Equal(all, r.poison) {
		r.t.Errorf("the queues hold %q, want %q", all, r.poison)
	}
}

// verifyDone runs s3bundler once more: it must find nothing to do.
func (r *run) verifyDone() {
	args := []string{"-m", "s3://" + archives + "/manifests/", "-b", archives, "-p", "archive", "-s", fmt.Sprint(maxSize)}
	if r.compress {
		args = append(args, "-c")
	}
	cmd := exec.Command(filepath.Join(programs, "s3bundler"), args...)
	cmd.Env = r.environment(r.server.URL())
	out, err := cmd.CombinedOutput()
	if want := fmt.Sprintf("0 archives, %d skipped manifests", *manifests); err != nil || !strings.Contains(string(out), want) {
		r.t.Errorf("one more run: %v, want %q:\n%s", err, want, out)
	}
}

// verifyArchive reads an archive from end to end, and each member as its index
// row says.
func (r *run) verifyArchive(key string, places map[string][]string) error {
	data := r.get(key)
	indexKey := strings.TrimSuffix(strings.TrimSuffix(key, ".gz"), ".tar") + ".index"
	rows, err := records(r.get(indexKey))
	if err != nil {
		return fmt.Errorf("%s: %w", indexKey, err)
	}
	if of, is := r.head(indexKey).Get("X-Amz-Meta-Archive-Etag"), strings.Trim(r.head(key).Get("Etag"), `"`); of != is {
		return fmt.Errorf("its index is that of the archive %s, not of %s", of, is)
	}
	var plain io.Reader = bytes.NewReader(data)
	if strings.HasSuffix(key, ".gz") {
		if plain, err = gzip.NewReader(plain); err != nil {
			return err
		}
	}
	tr := tar.NewReader(plain)
	for i := 0; ; i++ {
		h, err := tr.Next()
		if err == io.EOF {
			if i != len(rows) {
				return fmt.Errorf("%d members for %d index rows", i, len(rows))
			}
			return nil
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			return err
		}
		if i >= len(rows) {
			return fmt.Errorf("the index ends before %s", h.Name)
		}
		object, err := url.QueryUnescape(rows[i][1])
		if err != nil {
			return err
		}
		if h.Name != source+"/"+object {
			return fmt.Errorf("member %d is %s, its index row %q", i, h.Name, rows[i])
		}
		if err := r.same(object, content); err != nil {
			return err
		}
		if err := r.verifyPlace(data, rows[i], object); err != nil {
			return fmt.Errorf("row %q: %w", rows[i], err)
		}
		places[object] = append(places[object], key)
	}
}

// verifyPlace reads one object out of an archive by columns 8 to 10 of its row.
func (r *run) verifyPlace(data []byte, row []string, object string) error {
	size, err1 := strconv.Atoi(row[2])
	offset, err2 := strconv.Atoi(row[7])
	block, err3 := strconv.Atoi(row[8])
	if err1 != nil || err2 != nil || err3 != nil {
		return fmt.Errorf("no numbers")
	}
	data = data[block:]
	if row[9] != "" {
		length, err := strconv.Atoi(row[9])
		if err != nil {
			return err
		}
		zr, err := gzip.NewReader(bytes.NewReader(data[:length]))
		if err != nil {
			return err
		}
		if data, err = io.ReadAll(zr); err != nil {
			return err
		}
	}
	return r.same(object, data[offset:][:size])
}

func (r *run) verifyMetadata(key, object string) error {
	rows, err := records(r.get(key))
	if err != nil {
		return err
	}
	if len(rows) != 1 || rows[0][2] != fmt.Sprint(r.contents[object].Size) {
		return fmt.Errorf("%q is not the row of %s", rows, object)
	}
	return nil
}

func (r *run) verifyLetters(key string, places map[string][]string) error {
	rows, err := records(r.get(key))
	if err != nil {
		return err
	}
	for _, row := range rows {
		object, err := url.QueryUnescape(row[1])
		if err != nil {
			return err
		}
		if row[4] != r.refused[object] {
			return fmt.Errorf("%s is left out as %s, want %q", object, row[4], r.refused[object])
		}
		places[object] = append(places[object], key)
	}
	return nil
}

// same compares content with what was planted.
func (r *run) same(object string, content []byte) error {
	planted, ok := r.contents[object]
	want := make([]byte, planted.Size)
	if _, err := planted.ReadAt(want, 0); err != nil && err != io.EOF {
		return err
	}
	if !ok || !bytes.Equal(content, want) {
		return fmt.Errorf("%d bytes are not the %d of the object %s", len(content), len(want), object)
	}
	return nil
}

func records(data []byte) ([][]string, error) {
	c := csv.NewReader(bytes.NewReader(data))
	c.FieldsPerRecord = -1
	return c.ReadAll()
}

func (r *run) ask(method, path string) (http.Header, []byte) {
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.server.URL()+"/"+archives+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		r.t.Errorf("%s %s: %s, %v", method, path, resp.Status, err)
	}
	return resp.Header, body
}

func keyPath(key string) string { return "/" + strings.ReplaceAll(url.PathEscape(key), "%2F", "/") }

func (r *run) get(key string) []byte {
	_, body := r.ask(http.MethodGet, keyPath(key))
	return body
}

func (r *run) head(key string) http.Header {
	h, _ := r.ask(http.MethodHead, keyPath(key))
	return h
}

// list gives all keys of the archive bucket.
func (r *run) list() (keys []string) {
	for token := ""; ; {
		q := url.Values{"list-type": {"2"}, "encoding-type": {"url"}}
		if token != "" {
			q.Set("continuation-token", token)
		}
		_, body := r.ask(http.MethodGet, "?"+q.Encode())
		var page struct {
			Contents              []struct{ Key string }
			NextContinuationToken string
		}
		if err := xml.Unmarshal(body, &page); err != nil {
			r.t.Fatal(err)
		}
		for _, c := range page.Contents {
			key, err := url.QueryUnescape(c.Key)
			if err != nil {
				r.t.Fatal(err)
			}
			keys = append(keys, key)
		}
		if token = page.NextContinuationToken; token == "" {
			return keys
		}
	}
}
