package bundler_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"s3bundler/internal/aws"
	"s3bundler/internal/bundler"
	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var when = time.Date(2026, 11, 23, 11, 36, 13, 0, time.UTC)

// world is a sandbox with a source bucket, a manifest of it and a bucket for
// archives.
type world struct {
	t       *testing.T
	server  *sandbox.Server
	s3      *aws.S3
	content map[string][]byte // of what was planted, by key
	rows    []string
	log     bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, sandbox.Options{})
}

func newWorldOn(t *testing.T, opt sandbox.Options) *world {
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
	w := &world{t: t, server: server, s3: aws.NewS3(cfg), content: map[string][]byte{}}
	t.Cleanup(func() {
		w.s3.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, b := range []string{"src1", "dst"} {
		if err := server.CreateBucket(b, sandbox.BucketOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// plant stores an object and lists it in the manifest.
func (w *world) plant(key string, p sandbox.Planted) {
	w.t.Helper()
	if p.Modified.IsZero() {
		p.Modified = when
	}
	if _, _, err := w.server.Plant("src1", key, p); err != nil {
		w.t.Fatal(err)
	}
	w.content[key] = p.Body
	w.list(key, strconv.Itoa(len(p.Body)))
}

func (w *world) list(key, size string) {
	w.rows = append(w.rows, "src1,"+object.EncodeKey(key)+","+size+"\n")
}

var at = object.Location{Bucket: "dst", Key: "manifests/src1-export-2017-03-30T18-06Z-manifest.0.index"}

// bundle stores the manifest and bundles it.
func (w *world) bundle(opt bundler.Options) (bundler.Result, error) {
	w.t.Helper()
	w.store(at, strings.Join(w.rows, ""))
	return w.bundleAgain(w.t.Context(), opt)
}

func (w *world) store(l object.Location, body string) {
	w.t.Helper()
	if _, _, err := w.server.Plant(l.Bucket, l.Key, sandbox.Planted{Body: []byte(body)}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) bundleAgain(ctx context.Context, opt bundler.Options) (bundler.Result, error) {
	return w.bundleAt(ctx, at, opt)
}

// bundleAt bundles the manifest at m.
func (w *world) bundleAt(ctx context.Context, m object.Location, opt bundler.Options) (bundler.Result, error) {
	opt.Archive = layout.In("dst", "archive")
	if len(opt.Fields.Columns()) == 0 {
		opt.Fields = manifest.DefaultFields()
	}
	if opt.MaxSize == 0 {
		opt.MaxSize = bundler.DefaultMaxSize
	}
	return bundler.New(w.s3, opt, slog.New(slog.NewTextHandler(&w.log, nil))).Bundle(ctx, m)
}

// get reads an object by the sandbox's own word; nil if there is none.
func (w *world) get(l object.Location) []byte {
	w.t.Helper()
	r, _, err := fetch.Stream(w.t.Context(), w.s3, object.At(l))
	if fault.ReasonOf(err) == fault.NoSuchKey {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return append([]byte{}, b...)
}

func (w *world) csv(l object.Location) [][]string {
	w.t.Helper()
	r := csv.NewReader(bytes.NewReader(w.get(l)))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		w.t.Fatal(err)
	}
	return rows
}

// account checks that every row of the manifest is in exactly one place, byte
// for byte, and returns the reason of each dead letter by key.
func (w *world) account(r bundler.Result) map[string]string {
	w.t.Helper()
	data := w.get(r.Archive)
	plain := data
	if strings.HasSuffix(r.Archive.Key, ".gz") {
		zr, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			w.t.Fatal(err)
		}
		if plain, err = io.ReadAll(zr); err != nil {
			w.t.Fatal(err)
		}
	}
	seen := map[string]int{}
	var members []string
	tr := tar.NewReader(bytes.NewReader(plain))
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			w.t.Fatal(err)
		}
		key := strings.TrimPrefix(h.Name, "src1/")
		got, err := io.ReadAll(tr)
		if err != nil {
			w.t.Fatal(err)
		}
		if !bytes.Equal(got, w.content[key]) {
			w.t.Errorf("member %q has %d bytes that are not the object's %d", key, len(got), len(w.content[key]))
		}
		if !h.ModTime.Equal(when) || h.Mode != 0o644 {
			w.t.Errorf("member %q: %v, mode %o", key, h.ModTime, h.Mode)
		}
		seen[key]++
		members = append(members, key)
	}
	rows := w.csv(r.Index)
	if len(rows) != len(members) {
		w.t.Fatalf("%d index rows for %d members", len(rows), len(members))
	}
	for i, row := range rows {
		if got := object.DecodeKey(row[1]); got != members[i] {
			w.t.Fatalf("index row %d is of %q, member of %q", i, got, members[i])
		}
		w.atPlace(data, row, w.content[members[i]])
	}
	reasons := map[string]string{}
	for _, row := range w.csv(layout.DeadLetters(at)) {
		key := object.DecodeKey(row[1])
		reasons[key] = row[4]
		seen[key]++
	}
	for o, err := range w.s3.List(w.t.Context(), object.Location{Bucket: "dst", Key: "archive/"}) {
		if err != nil {
			w.t.Fatal(err)
		}
		if _, key, ok := strings.Cut(o.Key, "/src1/bigobjects/"); ok && !strings.HasSuffix(key, ".metadata") {
			if !bytes.Equal(w.get(o.Location()), w.content[key]) {
				w.t.Errorf("the copy of %q differs", key)
			}
			line := w.csv(layout.BigObjectMetadata(o.Location()))
			if len(line) != 1 || object.DecodeKey(line[0][1]) != key {
				w.t.Errorf("the metadata of %q: %q", key, line)
			}
			seen[key]++
		}
	}
	for _, row := range w.rows {
		key := object.DecodeKey(strings.Split(strings.TrimSuffix(row, "\n"), ",")[1])
		if seen[key] != 1 {
			w.t.Errorf("%q is in %d places", key, seen[key])
		}
		delete(seen, key)
	}
	for key := range seen {
		w.t.Errorf("%q was in no manifest", key)
	}
	if open := w.server.Uploads(); len(open) > 0 {
		w.t.Errorf("uploads left open: %v", open)
	}
	return reasons
}

// atPlace reads an object as columns 8 to 10 of its row say.
func (w *world) atPlace(data []byte, row []string, want []byte) {
	w.t.Helper()
	n := func(s string) int64 {
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			w.t.Fatalf("row %q: %v", row, err)
		}
		return v
	}
	block := data[n(row[8]):]
	if row[9] != "" {
		zr, err := gzip.NewReader(bytes.NewReader(block[:n(row[9])]))
		if err != nil {
			w.t.Fatal(err)
		}
		if block, err = io.ReadAll(zr); err != nil {
			w.t.Fatal(err)
		}
	}
	if got := block[n(row[7]):][:n(row[2])]; !bytes.Equal(got, want) {
		w.t.Errorf("row %q: the bytes at its place are not the object's", row)
	}
}

// noise is content that does not compress.
func noise(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 5))
	b := make([]byte, 0, n+8)
	for len(b) < n {
		v := rng.Uint64()
		b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
	}
	return b[:n]
}

// everyKind plants an object of each kind there is.
func (w *world) everyKind() {
	for i, key := range []string{
		"plain", "/leading", "a//doubled", "a", "a/b", "./dot", "../up", "with space", "plus+", "comma,quote\"", "100%", "%2F",
		"new\nline", "grüße/日本", strings.Repeat("k", 1000), strings.Repeat("long/", 50), "folder/",
	} {
		w.plant(key, sandbox.Planted{Body: noise(uint64(i), i*1000)})
	}
	w.plant("empty", sandbox.Planted{})
	w.plant("tagged", sandbox.Planted{Body: []byte("t"), Tags: map[string]string{"k": "v", "a;b": "c=d"}})
	w.plant("described", sandbox.Planted{
		Body: []byte("d"), Metadata: map[string]string{"n": "0", "m": "1,2"},
		Headers: map[string]string{"Content-Type": "text/plain", "Cache-Control": "no-store"},
	})
	w.plant("no checksum", sandbox.Planted{Body: noise(90, 5000), Checksum: "none"})
	w.plant("sha256", sandbox.Planted{Body: noise(91, 5000), Checksum: "SHA256"})
	w.plant("crc32c", sandbox.Planted{Body: noise(92, 5000), Checksum: "CRC32C"})
	w.plant("kms", sandbox.Planted{Body: noise(93, 5000), KMS: true, ETag: strings.Repeat("e", 32), Checksum: "none"})
	w.plant("multipart", sandbox.Planted{Body: noise(94, 6<<20), PartSize: 5 << 20})
	w.plant("chunks", sandbox.Planted{Body: noise(95, 3*fetch.Chunk+77)})
	w.plant("big", sandbox.Planted{
		Body: noise(96, 30<<20), Tags: map[string]string{"t": "u"}, Metadata: map[string]string{"m": "x"},
		Headers: map[string]string{"Content-Type": "video/mp4"},
	})
	w.plant("last", sandbox.Planted{Body: []byte("end")})
}

func TestEveryKindOfObject(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprintf("compress=%v", compress), func(t *testing.T) {
			w := newWorld(t)
			w.everyKind()
			w.plant("cold", sandbox.Planted{Body: []byte("c"), StorageClass: "GLACIER"})
			w.list("deleted", "5")
			opt := bundler.Options{Compress: compress, MaxSize: 28 * object.MiB}
			r, err := w.bundle(opt)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := w.account(r), map[string]string{"cold": "Glacier", "deleted": "NoSuchKey"}; !maps.Equal(got, want) {
				t.Errorf("dead letters %v, want %v", got, want)
			}
			for _, phrase := range []string{"begin processing s3://dst/", "successfully archived s3://dst/", "s3://src1/cold: glaciered", "s3://src1/deleted: deleted"} {
				if !strings.Contains(w.log.String(), phrase) {
					t.Errorf("the log lacks %q", phrase)
				}
			}
			first := w.get(r.Archive)
			again, err := w.bundleAgain(t.Context(), opt)
			if err != nil || !again.Done {
				t.Errorf("the second time: %+v, %v; want it done before", again, err)
			}
			w.s3.Delete(t.Context(), object.At(r.Index))
			again, err = w.bundleAgain(t.Context(), opt)
			if err != nil || again.Done || !bytes.Equal(w.get(r.Archive), first) {
				t.Errorf("without its index it was done %v (%v), and the archives are the same: %v", again.Done, err, bytes.Equal(w.get(r.Archive), first))
			}
		})
	}
}

// TestRecordedLines holds what was recorded from the original.
func TestRecordedLines(t *testing.T) {
	w := newWorld(t)
	w.plant("logs/000/obj-000000.bin", sandbox.Planted{
		Body: make([]byte, 10240), ETag: "6f4f5b396c1a28734abd6756db5e5a00", Metadata: map[string]string{"n": "0"},
	})
	w.list("gone", "7")
	r, err := w.bundle(bundler.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.Archive.Key, "archive/c3e7f3/src1/src1-export-2017-03-30T18-06Z-manifest.0.tar"; got != want {
		t.Errorf("archive %s, want %s", got, want)
	}
	const line = `src1,logs/000/obj-000000.bin,10240,2026-11-23 11:36:13+00:00,"6f4f5b396c1a28734abd6756db5e5a00",n=0,,512,0,,tjgDYFqzbGA=,,Content-Type=binary/octet-stream` + "\n"
	if got := string(w.get(r.Index)); !strings.HasPrefix(got, line[:strings.Index(line, ",512,")]) {
		t.Errorf("index\n%swant\n%s", got, line)
	}
	if got, want := string(w.get(layout.DeadLetters(at))), "src1,gone,7,,NoSuchKey\n"; got != want {
		t.Errorf("dead letters %q, want %q", got, want)
	}
	if h := w.get(r.Archive); len(h) != 512+10240+1024 || string(h[:28]) != "src1/logs/000/obj-000000.bin" || h[156] != '0' {
		t.Errorf("an archive of %d bytes that starts with %q", len(h), h[:28])
	}
}

func TestFaults(t *testing.T) {
	kinds := []sandbox.Fault{
		{Kind: sandbox.Latency, Latency: sandbox.Duration(3 * time.Millisecond)},
		{Kind: sandbox.SlowDown}, {Kind: sandbox.InternalError}, {Kind: sandbox.CutBody, At: 900},
		{Kind: sandbox.CorruptBody, At: 3}, {Kind: sandbox.WrongChecksum}, {Kind: sandbox.Replace}, {Kind: sandbox.InvalidObjectState},
		{Kind: sandbox.AccessDenied}, {Kind: sandbox.Reset},
	}
	for _, f := range kinds {
		for _, share := range []float64{0.01, 0.2} {
			t.Run(fmt.Sprintf("%s at %v", f.Kind, share), func(t *testing.T) {
				w := newWorld(t)
				for i := range 150 {
					w.plant(fmt.Sprintf("k%03d", i), sandbox.Planted{Body: noise(uint64(i), i*40)})
				}
				w.plant("chunks", sandbox.Planted{Body: noise(95, fetch.Chunk+77)})
				w.plant("big", sandbox.Planted{Body: noise(96, 12<<20)})
				rule := sandbox.Rule{Bucket: "src1", Probability: share, Seed: 11, Fault: f}
				if f.Kind == sandbox.SlowDown || f.Kind == sandbox.InternalError || f.Kind == sandbox.Reset || f.Kind == sandbox.Latency {
					rule.Bucket = "" // writes too
				}
				w.server.SetFaults(rule)
				r, err := w.bundle(bundler.Options{MaxSize: 10 * object.MiB})
				w.server.SetFaults()
				if err != nil {
					t.Fatal(err)
				}
				reasons := w.account(r)
				allowed := map[sandbox.Kind][]string{
					sandbox.Replace: {"Changed"}, sandbox.InvalidObjectState: {"Glacier"}, sandbox.AccessDenied: {"AccessDenied"},
					sandbox.WrongChecksum: {"ChecksumMismatch"}, sandbox.CorruptBody: {"ChecksumMismatch"},
				}[f.Kind]
				for key, reason := range reasons {
					if !slices.Contains(allowed, reason) {
						t.Errorf("%s became a dead letter: %s", key, reason)
					}
				}
			})
		}
	}
}

func TestBadManifests(t *testing.T) {
	for _, tt := range []struct {
		name, manifest string
		reasons        map[string]string
		exit           int
		message        string
	}{
		{"empty", "", nil, 3, "it is empty"},
		{"no row to use", "src1\n,,\n", nil, 3, "line 1"},
		{"bad rows among good ones", "src1,a\nsrc1,k,1\nsrc1,b,many\n", map[string]string{"a": "BadRow", "b": "BadRow"}, 0, ""},
		{"malformed percent-encodings", "src1,100%,1\nsrc1,a%zz,1\n", map[string]string{}, 0, ""},
		{"a bucket that is not there", "src1,k,1\nnone,k,1\n", nil, 5, "s3://none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for _, key := range []string{"k", "100%", "a%zz"} {
				w.plant(key, sandbox.Planted{Body: []byte("x")})
			}
			w.rows = strings.SplitAfter(tt.manifest, "\n")
			w.rows = w.rows[:len(w.rows)-1]
			r, err := w.bundle(bundler.Options{})
			if fault.ExitCode(err) != tt.exit || err != nil && !strings.Contains(err.Error(), tt.message) {
				t.Fatalf("exit %d, %v; want %d and %q", fault.ExitCode(err), err, tt.exit, tt.message)
			}
			if err != nil {
				if r.Index.Key != "" && w.get(r.Index) != nil || r.Archive.Key != "" && w.get(r.Archive) != nil || len(w.server.Uploads()) > 0 {
					t.Error("something half-written stays")
				}
				return
			}
			if got := w.account(r); !maps.Equal(got, tt.reasons) {
				t.Errorf("dead letters %v, want %v", got, tt.reasons)
			}
		})
	}
}

// TestFailuresLeaveNoIndex fails each write in turn.
func TestFailuresLeaveNoIndex(t *testing.T) {
	for _, tt := range []struct {
		operation, key string
		exit           int
	}{
		{"CreateMultipartUpload", "*.tar", 4},
		{"UploadPart", "*.tar", 4},
		{"CompleteMultipartUpload", "*.tar", 4},
		{"PutObject", "*.index", 4},
		{"PutObject", "*.dlq", 4},
		{"CopyObject", "*", 4},
		{"PutObject", "*.metadata", 4},
		{"GetObject", "manifests/*", 5},
	} {
		t.Run(tt.operation+" "+tt.key, func(t *testing.T) {
			w := newWorld(t)
			w.plant("k", sandbox.Planted{Body: noise(1, 20<<20)})
			w.plant("big", sandbox.Planted{Body: noise(96, 26<<20)})
			w.list("gone", "1")
			w.server.SetFaults(sandbox.Rule{Operation: tt.operation, Key: tt.key, Bucket: "dst", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
			opt := bundler.Options{MaxSize: 25 * object.MiB}
			r, err := w.bundle(opt)
			if fault.ExitCode(err) != tt.exit {
				t.Errorf("exit %d (%v), want %d", fault.ExitCode(err), err, tt.exit)
			}
			if open := w.server.Uploads(); len(open) > 0 {
				t.Errorf("uploads left open: %v", open)
			}
			w.server.SetFaults()
			if err != nil && tt.key != "*.dlq" && r.Index.Key != "" && w.get(r.Index) != nil {
				t.Error("an index was written")
			}
			r, err = w.bundleAgain(t.Context(), opt)
			if err != nil {
				t.Fatalf("the next run: %v", err)
			}
			w.account(r)
		})
	}
}

func TestCancelIsPromptAndClean(t *testing.T) {
	w := newWorld(t)
	for i := range 8 {
		w.plant(fmt.Sprint(i), sandbox.Planted{Body: noise(1, 10<<20)})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	w.store(at, strings.Join(w.rows, ""))
	w.server.SetFaults(sandbox.Rule{Operation: "UploadPart", Nth: 2, Fault: sandbox.Fault{Kind: sandbox.Latency, Latency: sandbox.Duration(time.Hour)}})
	go func() {
		for len(w.server.Uploads()) == 0 {
			if ctx.Err() != nil {
				return
			}
		}
		cancel(why)
	}()
	if _, err := w.bundleAgain(ctx, bundler.Options{}); err != why {
		t.Errorf("ended with %v, want %v", err, why)
	}
	if open := w.server.Uploads(); len(open) > 0 {
		t.Errorf("uploads left open: %v", open)
	}
}
