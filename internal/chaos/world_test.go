package chaos_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
)

const (
	source  = "chaos-source"
	archive = "chaos-archive"
	queue   = "manifests"
	letters = "manifests-dead"
	// visibility is the queue's visibility timeout in seconds.
	visibility = 3
	maxSize    = 64 << 10
)

var modified = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)

// world is a local AWS with a bucket to be archived.
type world struct {
	t       *testing.T
	rng     *rand.Rand
	server  *sandbox.Server
	queues  *sandbox.Queues
	content map[string][]byte // by key; nil for what is deleted or frozen
	rows    []sandbox.Listed
}

func newWorld(t *testing.T, seed uint64, manifests, rows int) *world {
	t.Helper()
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 0)), queues: sandbox.NewQueues(sandbox.QueueOptions{}), content: map[string][]byte{}}
	server, err := sandbox.Start(sandbox.Options{Queues: w.queues})
	if err != nil {
		t.Fatal(err)
	}
	w.server = server
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, b := range []string{source, archive} {
		w.must(server.CreateBucket(b, sandbox.BucketOptions{}))
	}
	w.must(w.queues.Create(letters, nil))
	w.must(w.queues.Create(queue, map[string]string{
		"VisibilityTimeout": strconv.Itoa(visibility),
		// Healthy workers never come near this; one that is killed again and
		// again uses up a receive each time.
		"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":"100"}`, w.queues.ARN(letters)),
	}))
	server.Notify(archive, "manifests/", ".index", func(event string) {
		if err := w.queues.Send(queue, event); err != nil {
			t.Error(err)
		}
	})
	for i := range manifests * rows {
		w.plant(i)
	}
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// plant plants the ith object: most are small, some tagged, described, large,
// multipart, frozen or gone.
func (w *world) plant(i int) {
	key := fmt.Sprintf("%04d/obj +%%%c", i, 'a'+i%26)
	body := make([]byte, w.rng.IntN(20<<10))
	p := sandbox.Planted{Modified: modified}
	switch w.rng.IntN(40) {
	case 0:
		body = make([]byte, maxSize+1+w.rng.IntN(1000)) // copied
	case 1:
		p.Tags = map[string]string{"k": "v"}
	case 2:
		p.Metadata = map[string]string{"owner": "a,b"}
	case 3:
		p.PartSize = 7000
	case 4:
		p.StorageClass = "GLACIER"
	}
	for j := range body {
		body[j] = byte(w.rng.Uint32())
	}
	p.Body = body
	etag, _, err := w.server.Plant(source, key, p)
	w.must(err)
	w.rows = append(w.rows, sandbox.Listed{Key: key, Size: int64(len(body)), Modified: modified, ETag: etag})
	w.content[key] = body
	switch {
	case p.StorageClass != "":
		w.content[key] = nil
	case i%97 == 5:
		w.must(w.server.Delete(source, key))
		w.content[key] = nil
	}
}

func (w *world) get(key string) []byte {
	w.t.Helper()
	return w.fetch("/" + archive + "/" + strings.ReplaceAll(url.PathEscape(key), "%2F", "/"))
}

// fetch asks the sandbox past its network, and so past its clients' faults.
func (w *world) fetch(target string) []byte {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+target, nil))
	if rec.Code != http.StatusOK {
		w.t.Fatalf("GET %s: %d %s", target, rec.Code, rec.Body)
	}
	return rec.Body.Bytes()
}

// keys lists the archive bucket.
func (w *world) keys() (keys []string) {
	token := ""
	for {
		page := string(w.fetch("/" + archive + "?list-type=2&continuation-token=" + url.QueryEscape(token)))
		for part := range strings.SplitSeq(page, "<Key>") {
			if key, _, ok := strings.Cut(part, "</Key>"); ok {
				keys = append(keys, key)
			}
		}
		_, rest, ok := strings.Cut(page, "<NextContinuationToken>")
		if !ok {
			return keys
		}
		token, _, _ = strings.Cut(rest, "<")
	}
}

func records(body []byte) ([][]string, error) {
	r := csv.NewReader(bytes.NewReader(body))
	r.FieldsPerRecord = -1
	return r.ReadAll()
}

// account looks for every row of the inventory, with nothing of the product
// but the decoding of keys.
func (w *world) account() error {
	found := map[string][]string{}
	var errs []error
	for _, key := range w.keys() {
		body := w.get(key)
		_, big, isBig := strings.Cut(key, "/"+source+"/bigobjects/")
		var err error
		switch {
		case strings.HasSuffix(key, ".metadata"):
		case isBig:
			if !bytes.Equal(body, w.content[big]) {
				err = errors.New("the copy is not what the source holds")
			}
			found[big] = append(found[big], "copy")
		case strings.HasSuffix(key, ".dlq"):
			rows, e := records(body)
			for _, r := range rows {
				k := object.DecodeKey(r[1])
				found[k] = append(found[k], r[4]+" in "+key)
				if w.content[k] != nil {
					e = errors.Join(e, fmt.Errorf("%s is a dead letter (%s), though it can be read", k, r[4]))
				}
			}
			err = e
		case strings.HasSuffix(key, ".tar"), strings.HasSuffix(key, ".tar.gz"):
			err = w.member(key, body, found)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	for _, r := range w.rows {
		if len(found[r.Key]) != 1 {
			errs = append(errs, fmt.Errorf("%q is in %d places: %q", r.Key, len(found[r.Key]), found[r.Key]))
		}
	}
	return errors.Join(errs...)
}

// member checks an archive byte for byte, and its index with the places in it.
func (w *world) member(key string, body []byte, found map[string][]string) error {
	plain := body
	if strings.HasSuffix(key, ".gz") {
		zr, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return err
		}
		if plain, err = io.ReadAll(zr); err != nil {
			return err
		}
	}
	name := strings.TrimSuffix(strings.TrimSuffix(key, ".gz"), ".tar") + ".index"
	if !slices.Contains(w.keys(), name) {
		return errors.New("it has no index")
	}
	rows, err := records(w.get(name))
	if err != nil {
		return err
	}
	tr := tar.NewReader(bytes.NewReader(plain))
	for i := 0; ; i++ {
		h, err := tr.Next()
		if err == io.EOF {
			if i != len(rows) {
				return fmt.Errorf("%d members, %d rows in the index", i, len(rows))
			}
			return nil
		}
		if err != nil {
			return err
		}
		k := strings.TrimPrefix(h.Name, source+"/")
		content, err := io.ReadAll(tr)
		switch {
		case err != nil:
			return err
		case !bytes.Equal(content, w.content[k]) || !h.ModTime.Equal(modified):
			return fmt.Errorf("member %q is not what the source holds", h.Name)
		case i >= len(rows) || object.DecodeKey(rows[i][1]) != k:
			return fmt.Errorf("the index says something else of member %q", h.Name)
		}
		if err := atPlace(body, rows[i], content); err != nil {
			return err
		}
		found[k] = append(found[k], key)
	}
}

// atPlace reads an object where columns 8 to 10 say it is.
func atPlace(body []byte, row []string, want []byte) error {
	offset, err1 := strconv.Atoi(row[7])
	block, err2 := strconv.Atoi(row[8])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	data := body[block:]
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
	if len(data) < offset+len(want) || !bytes.Equal(data[offset:][:len(want)], want) {
		return fmt.Errorf("%s is not at its place", row[1])
	}
	return nil
}
