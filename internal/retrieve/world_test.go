package retrieve_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"s3bundler/internal/aws"
	"s3bundler/internal/bundler"
	"s3bundler/internal/fetch"
	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/retrieve"
	"s3bundler/internal/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var when = time.Date(2026, 11, 23, 11, 36, 13, 0, time.UTC)

// world is a sandbox with a source bucket "src1", one for archives, "dst", and
// an empty one, "back".
type world struct {
	t      *testing.T
	server *sandbox.Server
	s3     *aws.S3
	// objects are those planted in src1, in the order of planting.
	keys    []string
	planted map[string]sandbox.Planted
	rows    []string
	log     bytes.Buffer
}

func newWorld(t *testing.T) *world { return newWorldWith(t, sandbox.Options{}) }

func newWorldWith(t *testing.T, opt sandbox.Options) *world {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest", "AWS_REGION": "us-east-1",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	server, err := sandbox.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := aws.Load(t.Context(), aws.Settings{EndpointURL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, server: server, s3: aws.NewS3(cfg), planted: map[string]sandbox.Planted{}}
	t.Cleanup(func() {
		w.s3.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(w.log.String())
		}
	})
	for _, b := range []string{"src1", "dst", "back"} {
		if err := server.CreateBucket(b, sandbox.BucketOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// logger writes to what a failed test shows.
func (w *world) logger() *slog.Logger { return slog.New(slog.NewTextHandler(&w.log, nil)) }

func (w *world) plant(key string, p sandbox.Planted) {
	w.t.Helper()
	if p.Modified.IsZero() {
		p.Modified = when.Add(time.Duration(len(w.keys)) * time.Second)
	}
	if _, _, err := w.server.Plant("src1", key, p); err != nil {
		w.t.Fatal(err)
	}
	w.keys = append(w.keys, key)
	w.planted[key] = p
	size := int64(len(p.Body))
	if p.Generated != nil {
		size = p.Generated.Size
	}
	w.rows = append(w.rows, fmt.Sprintf("src1,%s,%d\n", object.EncodeKey(key), size))
}

// allKinds plants every kind of object that the demo's bucket has. maxSize
// below is what bundles copy above.
func (w *world) allKinds() {
	w.t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	body := func(n int) []byte {
		b := make([]byte, 0, n+80)
		for len(b) < n {
			b = fmt.Appendf(b, "%08x GET /items/%d %d\n", rng.Uint32(), rng.IntN(5000), 200+rng.IntN(5))
		}
		return b[:n]
	}
	for i := range 150 {
		w.plant(fmt.Sprintf("logs/2026/%02d/app-%05d.log", i%12, i), sandbox.Planted{Body: body(rng.IntN(16 << 10))})
	}
	for _, key := range []string{
		"odd/with space", "odd/plus+sign", "odd/comma,comma", "odd/100%", "odd/%2F", `odd/"quoted" 'twice'`, "odd/new\nline",
		"odd/grüße/日本/🗃", "odd/" + strings.Repeat("long", 249), "/leading", "odd//doubled", "odd/a", "odd/a/b", "odd/./dot", "odd/folder/",
	} {
		w.plant(key, sandbox.Planted{Body: body(100 + rng.IntN(5000))})
	}
	w.plant("special/empty", sandbox.Planted{})
	w.plant("special/multipart", sandbox.Planted{Body: body(300 << 10), PartSize: 100 << 10})
	w.plant("special/tagged", sandbox.Planted{Body: body(300), Tags: map[string]string{"team": "search", "cost;center": "a=b"}})
	w.plant("special/with-metadata", sandbox.Planted{Body: body(300), Metadata: map[string]string{"owner": "ada, grace", "unit": "50%", "empty": ""}})
	w.plant("special/with-headers.json", sandbox.Planted{Body: body(300), Headers: map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "Content-Encoding": "gzip", "Content-Language": "de",
		"Content-Disposition": `attachment; filename="x, y.json"`, "Expires": "Thu, 01 Dec 2033 16:00:00 GMT", "X-Amz-Website-Redirect-Location": "/there",
	}})
	w.plant("special/no-checksum", sandbox.Planted{Body: body(3000), Checksum: "none"})
	w.plant("special/glacier-instant-retrieval", sandbox.Planted{Body: body(300), StorageClass: "GLACIER_IR"})
	w.plant("special/big", sandbox.Planted{Body: body(maxSize + 1), Tags: map[string]string{"size": "big"}, Metadata: map[string]string{"kept": "yes"},
		Headers: map[string]string{"Content-Type": "text/x-big"}, StorageClass: "STANDARD_IA"})
	w.plant("special/big.metadata", sandbox.Planted{Body: body(maxSize + 2)})
}

const maxSize = 512 << 10

// bundle archives all that was planted, and returns where the index is.
func (w *world) bundle(compress bool) object.Location { return w.bundleWith(compress, maxSize) }

func (w *world) bundleWith(compress bool, maxSize object.ByteSize) object.Location {
	w.t.Helper()
	at := object.Location{Bucket: "dst", Key: "manifests/src1-export-2017-03-30T18-06Z-manifest.0.index"}
	w.store(at, []byte(strings.Join(w.rows, "")))
	b := bundler.New(w.s3, bundler.Options{
		Archive: layout.In("dst", "archive"), Fields: manifest.DefaultFields(), MaxSize: maxSize, Compress: compress,
	}, w.logger())
	r, err := b.Bundle(w.t.Context(), at)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Index
}

func (w *world) store(l object.Location, body []byte) {
	w.t.Helper()
	if _, _, err := w.server.Plant(l.Bucket, l.Key, sandbox.Planted{Body: body}); err != nil {
		w.t.Fatal(err)
	}
}

// original puts the samples of the original's archives below s3://dst/old/.
func (w *world) original() {
	w.t.Helper()
	root := "../../testdata/original"
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".py") {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		w.store(object.Location{Bucket: "dst", Key: "old/" + filepath.ToSlash(rel)}, body)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// get reads an object; nil if there is none.
func (w *world) get(l object.Location) []byte {
	w.t.Helper()
	r, _, err := fetch.Stream(w.t.Context(), w.s3, object.At(l))
	if err != nil {
		return nil
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return append([]byte{}, b...)
}

// list lists places, without errors.
func (w *world) list(f retrieve.Filter, uris ...string) []retrieve.Entry {
	w.t.Helper()
	var es []retrieve.Entry
	for e, err := range w.entries(w.t.Context(), f, uris...) {
		if err != nil {
			w.t.Fatal(err)
		}
		es = append(es, e)
	}
	return es
}

func (w *world) entries(ctx context.Context, f retrieve.Filter, uris ...string) func(func(retrieve.Entry, error) bool) {
	return retrieve.List(ctx, w.s3, retrieve.Sources(ctx, w.s3, locations(w.t, uris...)), f, 4)
}

func locations(t *testing.T, uris ...string) []object.Location {
	t.Helper()
	var ls []object.Location
	for _, u := range uris {
		l, err := object.ParseURI(u)
		if err != nil {
			t.Fatal(err)
		}
		ls = append(ls, l)
	}
	return ls
}

func keysOf(es []retrieve.Entry) []string {
	var keys []string
	for _, e := range es {
		keys = append(keys, e.Key)
	}
	slices.Sort(keys)
	return keys
}

func md5of(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}
