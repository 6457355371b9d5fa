package aws_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"github.com/minio/crc64nvme"

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

// partSum is the CRC64NVME of a part.
func partSum(part []byte) object.Checksum { return object.CRC64NVME(crc64nvme.Checksum(part)) }

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
