package aws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"s3bundler/internal/aws"
	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
	"s3bundler/internal/store"
)

const mib = 1 << 20

// servers are those that a test of all of store.Store runs on.
var servers = map[string]func(*testing.T) server{
	"sandbox":   func(t *testing.T) server { s, _ := startSandbox(t, sandbox.Options{}); return s },
	"versitygw": func(t *testing.T) server { return startVersitygw(t) },
}

// eachStore runs a test on every server, in a bucket called src1. The client
// copies in parts of 5 MiB above 6 MiB and uploads in parts of 5 MiB.
func eachStore(t *testing.T, test func(t *testing.T, srv server, st *aws.S3)) {
	t.Helper()
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			srv := start(t)
			createBucket(t, srv, "src1")
			test(t, srv, connect(t, srv, aws.Settings{}))
		})
	}
}

// eachPath is eachStore for a test of GETs: it runs by this package's path and
// then by the SDK's.
func eachPath(t *testing.T, test func(t *testing.T, srv server, st *aws.S3)) {
	t.Helper()
	eachStore(t, func(t *testing.T, srv server, st *aws.S3) {
		t.Run("own", func(t *testing.T) { test(t, srv, st) })
		t.Run("sdk", func(t *testing.T) { test(t, srv, connect(t, srv, aws.Settings{SDKGet: true})) })
	})
}

func createBucket(t *testing.T, srv server, name string) {
	t.Helper()
	if _, err := srv.client().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
}

// connect makes a client of srv.
func connect(t *testing.T, srv server, settings aws.Settings) *aws.S3 {
	t.Helper()
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_ACCESS_KEY_ID", srv.accessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", srv.secretKey)
	settings.EndpointURL, settings.Region = srv.endpoint, "us-east-1"
	cfg, err := aws.Load(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	st := aws.NewS3(cfg)
	st.SetSizes(6*mib, 5*mib, 5*mib)
	t.Cleanup(st.Close)
	return st
}

// read gets an object whole.
func read(t *testing.T, st store.Reader, o object.Object) ([]byte, object.Attributes) {
	t.Helper()
	body, a, err := st.Open(t.Context(), o, store.Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return content, a
}

// noise is content that differs from part to part.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// rich are options with all that an object can carry.
var rich = store.PutOptions{
	Metadata: []object.Pair{{Name: "alpha", Value: "a=b;c,%"}, {Name: "empty"}, {Name: "zeta", Value: "26"}},
	Headers: []object.Pair{
		{Name: "Cache-Control", Value: "no-cache"},
		{Name: "Content-Disposition", Value: `attachment; filename="x"`},
		{Name: "Content-Encoding", Value: "zstd"},
		{Name: "Content-Language", Value: "de, en"},
		{Name: "Content-Type", Value: "text/plain; charset=utf-8"},
		{Name: "Expires", Value: "Thu, 01 Dec 2044 16:00:00 GMT"},
	},
	Tags: []object.Tag{{Key: "a b+=", Value: "c/d:e@f"}, {Key: "project", Value: "ü"}},
}

// wantRich checks that an object carries rich.
func wantRich(t *testing.T, st store.Reader, l object.Location, size int64) {
	t.Helper()
	a, err := st.Head(t.Context(), object.At(l))
	if err != nil {
		t.Fatal(err)
	}
	tags, err := st.Tags(t.Context(), object.At(l))
	if err != nil {
		t.Fatal(err)
	}
	got := store.PutOptions{Metadata: a.Metadata, Headers: a.Headers, Tags: tags}
	if diff := cmp.Diff(rich, got); diff != "" || a.Size != size || a.TagCount != len(rich.Tags) {
		t.Errorf("%s: size %d, tag count %d\n%s", l, a.Size, a.TagCount, diff)
	}
}

// wantNoUploads checks that no multipart upload is open.
func wantNoUploads(t *testing.T, srv server, bucket string) {
	t.Helper()
	out, err := srv.client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range out.Uploads {
		t.Errorf("multipart upload of %s is open", *u.Key)
	}
}

func TestKeys(t *testing.T) {
	eachPath(t, func(t *testing.T, srv server, st *aws.S3) {
		keys := []string{
			"plain", "a space", "a+plus", "per%cent", "per%41cent", "comma,quote\"apostrophe'", "new\nline", "tab\t",
			"ünïcödé/日本語/🎉", "?query=1&x#fragment", `back\slash`, "!*'();:@&=$,/[]{}|^~`<>", "..dots/.hidden",
			strings.Repeat("x/", 20) + strings.Repeat("y", 200),
		}
		if strings.HasPrefix(t.Name(), "TestKeys/sandbox") {
			// Keys that versitygw, whose keys are paths, does not take.
			keys = append(keys, "/leading", "//two", "doubled//slash", "a/./b/../c", "dir/", "dir", strings.Repeat("k", 1024-len("copy of/")))
		}
		for _, key := range keys {
			l := object.Location{Bucket: "src1", Key: key}
			content := []byte("content of " + key)
			put, err := st.Put(t.Context(), l, content, store.PutOptions{})
			if err != nil {
				t.Fatal(err)
			}
			got, a := read(t, st, object.At(l))
			if !bytes.Equal(got, content) || a.ETag != put.ETag || a.Checksum != put.Checksum || a.Checksum.Algorithm != "CRC64NVME" {
				t.Errorf("%q: content %q, stored as %+v, read as %+v", key, got, put, a)
			}
			head, err := st.Head(t.Context(), object.At(l))
			if diff := cmp.Diff(a, head); err != nil || diff != "" {
				t.Errorf("%q: HEAD says otherwise than GET: %v\n%s", key, err, diff)
			}
			copied, err := st.Copy(t.Context(), object.At(l), a, nil, object.Location{Bucket: "src1", Key: "copy of/" + key}, store.PutOptions{})
			if err != nil || copied.ETag != a.ETag || copied.Size != int64(len(content)) {
				t.Errorf("%q: copied as %+v, error %v", key, copied, err)
			}
		}
		listed := map[string]bool{}
		for o, err := range st.List(t.Context(), object.Location{Bucket: "src1"}) {
			if err != nil {
				t.Fatal(err)
			}
			if object.DecodeKey(o.EncodedKey) != o.Key || o.Bucket != "src1" || len(o.ETag) != 32 || o.LastModified.IsZero() {
				t.Errorf("listed as %+v", o)
			}
			listed[o.Key] = true
		}
		for _, key := range keys {
			if !listed[key] || !listed["copy of/"+key] {
				t.Errorf("%q or its copy is not listed", key)
			}
			for _, k := range []string{key, "copy of/" + key} {
				if err := st.Delete(t.Context(), object.Object{Bucket: "src1", Key: k}); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

func TestRangesAndConditions(t *testing.T) {
	eachPath(t, func(t *testing.T, srv server, st *aws.S3) {
		l := object.Location{Bucket: "src1", Key: "digits"}
		put, err := st.Put(t.Context(), l, []byte("0123456789"), store.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		o := object.Object{Bucket: l.Bucket, Key: l.Key, ETag: put.ETag}
		for _, tt := range []struct {
			r    store.Range
			want string
		}{
			{store.Range{}, "0123456789"}, {store.Range{Offset: 7}, "789"}, {store.Range{Length: 3}, "012"},
			{store.Range{Offset: 2, Length: 3}, "234"}, {store.Range{Offset: 8, Length: 10}, "89"}, {store.Range{Length: 10}, "0123456789"},
		} {
			body, a, err := st.Open(t.Context(), o, tt.r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(body)
			body.Close()
			if string(got) != tt.want || err != nil || a.Size != 10 || a.ETag != put.ETag {
				t.Errorf("%+v: %q of %d bytes, error %v; want %q of 10", tt.r, got, a.Size, err, tt.want)
			}
		}
		for _, offset := range []int64{10, 11} {
			if _, _, err := st.Open(t.Context(), o, store.Range{Offset: offset}); !errors.Is(err, store.ErrRange) {
				t.Errorf("from %d: error %v, want ErrRange", offset, err)
			}
		}
		o.ETag = strings.Repeat("0", 32)
		if _, _, err := st.Open(t.Context(), o, store.Range{}); fault.ReasonOf(err) != fault.Changed {
			t.Errorf("GET of another: %v, want reason Changed", err)
		}
		if _, err := st.Head(t.Context(), o); fault.ReasonOf(err) != fault.Changed {
			t.Errorf("HEAD of another: %v, want reason Changed", err)
		}
		if err := st.Delete(t.Context(), o); fault.ReasonOf(err) != fault.Changed {
			t.Errorf("delete of another: %v, want reason Changed", err)
		}
		o.ETag = put.ETag
		for range 2 { // the second finds nothing
			if err := st.Delete(t.Context(), o); err != nil {
				t.Errorf("delete: %v", err)
			}
		}
		if _, err := st.Head(t.Context(), o); fault.ReasonOf(err) != fault.NoSuchKey {
			t.Errorf("HEAD of the deleted: %v, want reason NoSuchKey", err)
		}
	})
}

func TestMissing(t *testing.T) {
	eachPath(t, func(t *testing.T, srv server, st *aws.S3) {
		o := object.Object{Bucket: "src1", Key: "none"}
		calls := func(o object.Object) map[string]error {
			l := o.Location()
			_, _, open := st.Open(t.Context(), o, store.Range{})
			_, head := st.Head(t.Context(), o)
			_, tags := st.Tags(t.Context(), o)
			_, cp := st.Copy(t.Context(), o, object.Attributes{Size: 1}, nil, object.Location{Bucket: l.Bucket, Key: "x"}, store.PutOptions{})
			_, parts := st.Copy(t.Context(), o, object.Attributes{Size: 7 * mib}, nil, object.Location{Bucket: l.Bucket, Key: "x"}, store.PutOptions{})
			return map[string]error{"Open": open, "Head": head, "Tags": tags, "Copy": cp, "Copy in parts": parts}
		}
		for op, err := range calls(o) {
			if fault.ReasonOf(err) != fault.NoSuchKey {
				t.Errorf("%s: %v, want reason NoSuchKey", op, err)
			}
		}
		wantNoUploads(t, srv, "src1")
		errs := calls(object.Object{Bucket: "nobucket", Key: "none"})
		l := object.Location{Bucket: "nobucket", Key: "x"}
		_, errs["Put"] = st.Put(t.Context(), l, nil, store.PutOptions{})
		_, errs["Upload"] = st.Upload(t.Context(), l, strings.NewReader("x"), store.PutOptions{})
		_, errs["CreateUpload"] = st.CreateUpload(t.Context(), l, store.PutOptions{})
		for _, err := range st.List(t.Context(), l) {
			errs["List"] = err
		}
		for op, err := range errs {
			if !errors.Is(err, store.ErrNoBucket) || fault.ReasonOf(err) != "" || fault.KindOf(err) == 0 {
				t.Errorf("%s: %v of reason %q, want ErrNoBucket without one", op, err, fault.ReasonOf(err))
			}
		}
	})
}

func TestEverythingIsKept(t *testing.T) {
	eachStore(t, func(t *testing.T, srv server, st *aws.S3) {
		ctx := t.Context()
		small, large := noise(100), noise(12*mib+1)
		at := func(key string) object.Location { return object.Location{Bucket: "src1", Key: key} }
		if _, err := st.Put(ctx, at("put"), small, rich); err != nil {
			t.Fatal(err)
		}
		wantRich(t, st, at("put"), 100)
		for key, content := range map[string][]byte{"short": small, "long": large, "empty": nil, "one part": large[:5*mib]} {
			up, err := st.Upload(ctx, at(key), bytes.NewReader(content), rich)
			if err != nil {
				t.Fatal(err)
			}
			wantRich(t, st, at(key), int64(len(content)))
			got, a := read(t, st, object.At(at(key)))
			if !bytes.Equal(got, content) || up.ETag != a.ETag || up.Size != a.Size || up.Checksum != a.Checksum {
				t.Errorf("%s: uploaded as %+v, read as %+v", key, up, a)
			}
			for _, source := range []string{"pinned", "as it is"} {
				src := object.At(at(key))
				if source == "pinned" {
					src.ETag = a.ETag
				}
				to := at("copy/" + key)
				if _, err := st.Copy(ctx, src, a, rich.Tags, to, store.PutOptions{}); err != nil {
					t.Fatal(err)
				}
				wantRich(t, st, to, int64(len(content)))
				if got, _ := read(t, st, object.At(to)); !bytes.Equal(got, content) {
					t.Errorf("%s: copied with other content", key)
				}
			}
			a.ETag = strings.Repeat("0", 32)
			if _, err := st.Copy(ctx, object.At(at(key)), a, rich.Tags, at("no"), store.PutOptions{}); fault.ReasonOf(err) != fault.Changed {
				t.Errorf("%s: copy of another: %v, want reason Changed", key, err)
			}
		}
		wantNoUploads(t, srv, "src1")
	})
}

// Options of a copy stand over what the source has.
func TestCopyWithOptions(t *testing.T) {
	eachStore(t, func(t *testing.T, srv server, st *aws.S3) {
		ctx := t.Context()
		for key, content := range map[string][]byte{"small": noise(10), "large": noise(7 * mib)} {
			from, to := object.Location{Bucket: "src1", Key: key}, object.Location{Bucket: "src1", Key: key + ".copy"}
			if _, err := st.Upload(ctx, from, bytes.NewReader(content), rich); err != nil {
				t.Fatal(err)
			}
			a, err := st.Head(ctx, object.At(from))
			if err != nil {
				t.Fatal(err)
			}
			opt := store.PutOptions{
				Metadata: []object.Pair{{Name: "zeta", Value: "27"}, {Name: "etag", Value: a.ETag}},
				Headers:  []object.Pair{{Name: "Content-Type", Value: "x/y"}},
				Tags:     []object.Tag{{Key: "only", Value: "this"}},
			}
			if _, err := st.Copy(ctx, object.At(from), a, rich.Tags, to, opt); err != nil {
				t.Fatal(err)
			}
			got, err := st.Head(ctx, object.At(to))
			if err != nil {
				t.Fatal(err)
			}
			metadata := []object.Pair{rich.Metadata[0], rich.Metadata[1], opt.Metadata[1], opt.Metadata[0]}
			headers := slices.Clone(rich.Headers)
			headers[4] = opt.Headers[0]
			if diff := cmp.Diff(metadata, got.Metadata) + cmp.Diff(headers, got.Headers); diff != "" {
				t.Errorf("%s: %s", key, diff)
			}
			if tags, err := st.Tags(ctx, object.At(to)); err != nil || !slices.Equal(tags, opt.Tags) {
				t.Errorf("%s: tags %v, error %v", key, tags, err)
			}
		}
	})
}

func TestMultipart(t *testing.T) {
	eachStore(t, func(t *testing.T, srv server, st *aws.S3) {
		ctx := t.Context()
		l := object.Location{Bucket: "src1", Key: "parts"}
		content := noise(11 * mib)
		id, err := st.CreateUpload(ctx, l, rich)
		if err != nil {
			t.Fatal(err)
		}
		var parts []store.Part
		for i, part := range [][]byte{content[:5*mib], noise(5 * mib)[mib:], content[5*mib : 10*mib], content[10*mib:]} {
			// The second is not named when the upload is completed.
			p, err := st.UploadPart(ctx, l, id, i+1, part)
			if err != nil {
				t.Fatal(err)
			}
			if i != 1 {
				parts = append(parts, p)
			}
		}
		// Sent again, with other bytes and then with the right ones.
		for _, part := range [][]byte{noise(5*mib + 7), content[:5*mib]} {
			if parts[0], err = st.UploadPart(ctx, l, id, 1, part); err != nil {
				t.Fatal(err)
			}
		}
		put, err := st.Put(ctx, object.Location{Bucket: "src1", Key: "whole"}, content, store.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		wrong := object.Checksum{Algorithm: "CRC64NVME", Value: "AAAAAAAAAAA="}
		if _, err := st.CompleteUpload(ctx, l, id, parts, wrong, store.PutOptions{}); fault.KindOf(err) != fault.Upload {
			t.Errorf("completed with a wrong checksum: error %v", err)
		}
		done, err := st.CompleteUpload(ctx, l, id, parts, put.Checksum, store.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, a := read(t, st, object.At(l))
		if !bytes.Equal(got, content) || a.ETag != done.ETag || !a.Multipart() || a.Checksum != put.Checksum {
			t.Errorf("completed as %+v, read as %+v", done, a)
		}
		wantRich(t, st, l, 11*mib)
		wantNoUploads(t, srv, "src1")
	})
}

func TestAbortUnderEndedContext(t *testing.T) {
	eachStore(t, func(t *testing.T, srv server, st *aws.S3) {
		l := object.Location{Bucket: "src1", Key: "aborted"}
		id, err := st.CreateUpload(t.Context(), l, store.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.UploadPart(t.Context(), l, id, 1, noise(10)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 2 { // the second finds nothing
			if err := st.AbortUpload(ctx, l, id); err != nil {
				t.Error(err)
			}
		}
		wantNoUploads(t, srv, "src1")
	})
}

func TestConditionalWrites(t *testing.T) {
	eachStore(t, func(t *testing.T, srv server, st *aws.S3) {
		ctx := t.Context()
		taken, free := object.Location{Bucket: "src1", Key: "taken"}, object.Location{Bucket: "src1", Key: "free "}
		src := object.Location{Bucket: "src1", Key: "source"}
		for _, l := range []object.Location{taken, src} {
			if _, err := st.Put(ctx, l, noise(7*mib), store.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		a, err := st.Head(ctx, object.At(src))
		if err != nil {
			t.Fatal(err)
		}
		st.SetSizes(10*mib, 5*mib, 5*mib)
		for name, write := range map[string]func(object.Location, store.PutOptions) error{
			"Put": func(l object.Location, opt store.PutOptions) error {
				_, err := st.Put(ctx, l, nil, opt)
				return err
			},
			"Upload": func(l object.Location, opt store.PutOptions) error {
				_, err := st.Upload(ctx, l, strings.NewReader("short"), opt)
				return err
			},
			"Upload in parts": func(l object.Location, opt store.PutOptions) error {
				_, err := st.Upload(ctx, l, bytes.NewReader(noise(7*mib)), opt)
				return err
			},
			"Copy": func(l object.Location, opt store.PutOptions) error {
				_, err := st.Copy(ctx, object.At(src), a, nil, l, opt)
				return err
			},
			"Copy in parts": func(l object.Location, opt store.PutOptions) error {
				st.SetSizes(6*mib, 5*mib, 5*mib)
				defer st.SetSizes(10*mib, 5*mib, 5*mib)
				_, err := st.Copy(ctx, object.At(src), a, nil, l, opt)
				return err
			},
		} {
			if name == "Copy" && strings.Contains(t.Name(), "versitygw") {
				continue // it copies whatever the condition
			}
			if err := write(taken, store.PutOptions{IfAbsent: true}); !errors.Is(err, store.ErrExists) || fault.ReasonOf(err) != "" {
				t.Errorf("%s: error %v, want ErrExists without a reason", name, err)
			}
			if err := write(object.Location{Bucket: free.Bucket, Key: free.Key + name}, store.PutOptions{IfAbsent: true}); err != nil {
				t.Errorf("%s: error %v, want none", name, err)
			}
		}
		wantNoUploads(t, srv, "src1")
	})
}

// endless yields zeros until stop, and says when n bytes were read.
type endless struct {
	n       int
	reached func()
	err     error
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n -= len(p); e.n <= 0 && e.reached != nil {
		e.reached()
		e.reached = nil
		if e.err != nil {
			return 0, e.err
		}
	}
	clear(p)
	return len(p), nil
}

func TestEndedUploadLeavesNothing(t *testing.T) {
	eachStore(t, func(t *testing.T, srv server, st *aws.S3) {
		l := object.Location{Bucket: "src1", Key: "endless"}
		lost, broken := errors.New("lease lost"), errors.New("source broke")
		ctx, cancel := context.WithCancelCause(t.Context())
		if _, err := st.Upload(ctx, l, &endless{n: 20 * mib, reached: func() { cancel(lost) }}, store.PutOptions{}); !errors.Is(err, lost) {
			t.Errorf("cancelled: error %v, want the cause", err)
		}
		if _, err := st.Upload(t.Context(), l, &endless{n: 20 * mib, reached: func() {}, err: broken}, store.PutOptions{}); !errors.Is(err, broken) {
			t.Errorf("the content's reader failed: error %v, want its own", err)
		}
		wantNoUploads(t, srv, "src1")
		if _, err := st.Head(t.Context(), object.At(l)); fault.ReasonOf(err) != fault.NoSuchKey {
			t.Errorf("HEAD: %v, want reason NoSuchKey", err)
		}
		ctx, cancel = context.WithCancelCause(t.Context())
		cancel(lost)
		if _, err := st.CreateUpload(ctx, l, store.PutOptions{}); !errors.Is(err, lost) {
			t.Errorf("CreateUpload: error %v, want the cause", err)
		}
	})
}

func TestWrongCredentials(t *testing.T) {
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			srv := start(t)
			for code, keys := range map[string][2]string{
				"InvalidAccessKeyId":    {"nobody", srv.secretKey},
				"SignatureDoesNotMatch": {srv.accessKey, "wrong"},
			} {
				if name == "versitygw" && code == "InvalidAccessKeyId" {
					continue // its code for an unknown key is its own
				}
				wrong := srv
				wrong.accessKey, wrong.secretKey = keys[0], keys[1]
				st := connect(t, wrong, aws.Settings{})
				_, _, open := st.Open(t.Context(), object.Object{Bucket: "src1", Key: "k"}, store.Range{})
				_, head := st.Head(t.Context(), object.Object{Bucket: "src1", Key: "k"})
				for op, err := range map[string]error{"Open": open, "Head": head} {
					if fault.ReasonOf(err) != "" || fault.KindOf(err) != fault.Download || !strings.Contains(fmt.Sprint(err), code) ||
						!strings.Contains(fmt.Sprint(err), "check the credentials") {
						t.Errorf("%s: %v; want %s, no reason, and what to do", op, err, code)
					}
				}
			}
		})
	}
}
