package aws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"s3bundler/internal/aws"
	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
	"s3bundler/internal/store"
)

// sandboxed starts a sandbox with a bucket called src1 and a client of it.
func sandboxed(t *testing.T, opt sandbox.Options) (*sandbox.Server, *aws.S3) {
	t.Helper()
	srv, sb := startSandbox(t, opt)
	createBucket(t, srv, "src1")
	return sb, connect(t, srv, aws.Settings{})
}

// plant puts an object past the API.
func plant(t *testing.T, sb *sandbox.Server, key string, p sandbox.Planted) {
	t.Helper()
	if _, _, err := sb.Plant("src1", key, p); err != nil {
		t.Fatal(err)
	}
}

func TestList(t *testing.T) {
	sb, st := sandboxed(t, sandbox.Options{})
	const n = 2345 // three pages
	for i := range n {
		plant(t, sb, fmt.Sprintf("many/%06d +%%", i), sandbox.Planted{StorageClass: "GLACIER"})
	}
	plant(t, sb, "other", sandbox.Planted{})
	i := 0
	for o, err := range st.List(t.Context(), object.Location{Bucket: "src1", Key: "many/"}) {
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("many/%06d +%%", i); o.Key != want || o.EncodedKey != object.EncodeKey(want) || o.StorageClass != "GLACIER" {
			t.Fatalf("listed %+v, want %s", o, want)
		}
		i++
	}
	if i != n {
		t.Errorf("%d objects, want %d", i, n)
	}
	for range st.List(t.Context(), object.Location{Bucket: "src1"}) {
		break // and nothing is left behind
	}
}

func TestRestore(t *testing.T) {
	sb, st := sandboxed(t, sandbox.Options{RestoreHeads: 1})
	plant(t, sb, "cold", sandbox.Planted{Body: []byte("cold"), StorageClass: "DEEP_ARCHIVE"})
	o := object.Object{Bucket: "src1", Key: "cold"}
	if _, _, err := st.Open(t.Context(), o, store.Range{}); fault.ReasonOf(err) != fault.Glacier {
		t.Errorf("GET: %v, want reason Glacier", err)
	}
	if _, err := st.Copy(t.Context(), o, object.Attributes{Size: 4}, nil, object.Location{Bucket: "src1", Key: "c"}, store.PutOptions{}); fault.ReasonOf(err) != fault.Glacier {
		t.Errorf("copy: %v, want reason Glacier", err)
	}
	if a, err := st.Head(t.Context(), o); err != nil || !a.Archived || a.StorageClass != "DEEP_ARCHIVE" {
		t.Errorf("HEAD: %+v, %v, want it archived", a, err)
	}
	for range 2 { // the second while the first is under way
		if err := st.RequestRestore(t.Context(), o, "Bulk", 3); err != nil {
			t.Errorf("restore: %v", err)
		}
	}
	for _, archived := range []bool{true, false} {
		if a, err := st.Head(t.Context(), o); err != nil || a.Archived != archived || a.Restore == "" {
			t.Errorf("HEAD: %+v, %v, want archived %t", a, err, archived)
		}
	}
	if got, _ := read(t, st, o); string(got) != "cold" {
		t.Errorf("content %q", got)
	}
}

// Every second request of every kind fails, where it can; all calls but Open end well.
func TestRetries(t *testing.T) {
	for _, kind := range []sandbox.Kind{sandbox.SlowDown, sandbox.InternalError, sandbox.Reset, sandbox.LoseAnswer, sandbox.InternalErrorIn200} {
		t.Run(string(kind), func(t *testing.T) {
			sb, st := sandboxed(t, sandbox.Options{})
			ctx := t.Context()
			at := func(key string) object.Location { return object.Location{Bucket: "src1", Key: key} }
			content := noise(7 * mib)
			rules := []sandbox.Rule{{Every: 2}}
			if kind == sandbox.InternalErrorIn200 { // which these alone send
				rules = []sandbox.Rule{{Operation: "CopyObject", Nth: 1}, {Operation: "CompleteMultipartUpload", Nth: 1}}
			}
			for i := range rules {
				rules[i].Fault.Kind = kind
			}
			sb.SetFaults(rules...)
			for key, n := range map[string]int{"short": 10, "long": len(content)} {
				if _, err := st.Upload(ctx, at(key), bytes.NewReader(content[:n]), rich); err != nil {
					t.Fatal(err)
				}
				a, err := st.Head(ctx, object.At(at(key)))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := st.Copy(ctx, object.At(at(key)), a, rich.Tags, at(key+".copy"), store.PutOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			n := 0
			for _, err := range st.List(ctx, at("")) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			if n != 4 {
				t.Errorf("%d objects, want 4", n)
			}
			if err := st.Delete(ctx, object.At(at("short"))); err != nil {
				t.Error(err)
			}
			sb.SetFaults()
			wantRich(t, st, at("long.copy"), int64(len(content)))
			if got, _ := read(t, st, object.At(at("long.copy"))); !bytes.Equal(got, content) {
				t.Error("other content")
			}
			if kind != sandbox.InternalErrorIn200 && sb.Stats().Faults[kind] == 0 {
				t.Error("no fault was injected")
			}
		})
	}
}

// An answer that is lost must not make the upload be lost.
func TestLostAnswerOfComplete(t *testing.T) {
	sb, st := sandboxed(t, sandbox.Options{})
	sb.SetFaults(sandbox.Rule{Operation: "CompleteMultipartUpload", Times: 1, Fault: sandbox.Fault{Kind: sandbox.LoseAnswer}})
	l := object.Location{Bucket: "src1", Key: "k"}
	up, err := st.Upload(t.Context(), l, bytes.NewReader(noise(11*mib)), store.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := st.Head(t.Context(), object.At(l)); err != nil || a.ETag != up.ETag || a.Checksum != up.Checksum {
		t.Errorf("uploaded as %+v, there is %+v, error %v", up, a, err)
	}
}

func TestOpenMakesOneAttempt(t *testing.T) {
	for _, path := range []string{"own", "sdk"} {
		t.Run(path, func(t *testing.T) {
			srv, sb := startSandbox(t, sandbox.Options{})
			createBucket(t, srv, "src1")
			st := connect(t, srv, aws.Settings{SDKGet: path == "sdk"})
			plant(t, sb, "k", sandbox.Planted{Body: []byte("0123456789")})
			o := object.Object{Bucket: "src1", Key: "k"}
			for kind, throttled := range map[sandbox.Kind]bool{sandbox.SlowDown: true, sandbox.InternalError: false, sandbox.Reset: false} {
				sb.ResetStats()
				sb.SetFaults(sandbox.Rule{Fault: sandbox.Fault{Kind: kind}})
				_, _, err := st.Open(t.Context(), o, store.Range{})
				if fault.ReasonOf(err) != fault.Retry || fault.Throttled(err) != throttled {
					t.Errorf("%s: %v (throttled %t), want reason Retry", kind, err, fault.Throttled(err))
				}
				// net/http itself repeats a GET on a kept connection that was
				// cut before any answer.
				if n := sb.Stats().Requests["GetObject"]; n != 1 && kind != sandbox.Reset {
					t.Errorf("%s: %d requests, want 1", kind, n)
				}
			}
			sb.SetFaults(sandbox.Rule{Fault: sandbox.Fault{Kind: sandbox.CutBody, At: 4}})
			body, a, err := st.Open(t.Context(), o, store.Range{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(body)
			body.Close()
			if string(got) != "0123" || a.Size != 10 || fault.ReasonOf(err) != fault.Retry {
				t.Errorf("cut body: %q of %d, %v; want 0123 of 10 and reason Retry", got, a.Size, err)
			}
		})
	}
}

// What a copy is denied may be the source, which is one object, or the
// destination, which ends the run.
func TestDeniedCopy(t *testing.T) {
	for _, size := range []int{10, 7 * mib} {
		sb, st := sandboxed(t, sandbox.Options{})
		plant(t, sb, "k", sandbox.Planted{Body: noise(size)})
		o := object.Object{Bucket: "src1", Key: "k"}
		a, err := st.Head(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		denied := sandbox.Fault{Kind: sandbox.AccessDenied}
		copies := []sandbox.Rule{{Operation: "CopyObject", Fault: denied}, {Operation: "UploadPartCopy", Fault: denied}}
		for reason, rules := range map[fault.Reason][]sandbox.Rule{
			"":                 copies,
			fault.AccessDenied: append(copies, sandbox.Rule{Operation: "GetObject", Fault: denied}),
		} {
			sb.SetFaults(rules...)
			_, err = st.Copy(t.Context(), o, a, nil, object.Location{Bucket: "src1", Key: "copy"}, store.PutOptions{})
			if fault.ReasonOf(err) != reason || fault.KindOf(err) != fault.Upload || !strings.Contains(fmt.Sprint(err), "s3:PutObject") {
				t.Errorf("%d bytes: %v of reason %q, want reason %q", size, err, fault.ReasonOf(err), reason)
			}
		}
	}
}

func TestSessionToken(t *testing.T) {
	srv, sb := startSandbox(t, sandbox.Options{})
	createBucket(t, srv, "src1")
	sb.SetCredentials(map[string]sandbox.Credential{"ASIATEMPORARY": {SecretAccessKey: "testtest", SessionToken: "IQoJb3JpZ2luX2VjE+/="}})
	srv.accessKey = "ASIATEMPORARY"
	for token, want := range map[string]string{"IQoJb3JpZ2luX2VjE+/=": "", "another": "Token"} {
		t.Setenv("AWS_SESSION_TOKEN", token)
		st := connect(t, srv, aws.Settings{})
		_, put := st.Put(t.Context(), object.Location{Bucket: "src1", Key: "k"}, []byte("x"), store.PutOptions{})
		body, _, open := st.Open(t.Context(), object.Object{Bucket: "src1", Key: "k"}, store.Range{})
		if open == nil {
			body.Close()
		}
		for op, err := range map[string]error{"Put": put, "Open": open} {
			if want == "" && err != nil || want != "" && !strings.Contains(fmt.Sprint(err), want) || fault.ReasonOf(err) != "" {
				t.Errorf("%s with %q: error %v, want %q", op, token, err, want)
			}
		}
	}
}

func TestSkewedClock(t *testing.T) {
	ahead := func() time.Time { return time.Now().Add(5 * time.Hour) }
	srv, sb := startSandbox(t, sandbox.Options{Now: ahead})
	if err := sb.CreateBucket("src1", sandbox.BucketOptions{}); err != nil {
		t.Fatal(err)
	}
	st := connect(t, srv, aws.Settings{})
	plant(t, sb, "k", sandbox.Planted{Body: []byte("x")})
	if got, _ := read(t, st, object.Object{Bucket: "src1", Key: "k"}); string(got) != "x" {
		t.Errorf("content %q", got)
	}
}

func TestBucketInAnotherRegion(t *testing.T) {
	srv, sb := startSandbox(t, sandbox.Options{Region: "ap-south-1"})
	if err := sb.CreateBucket("src1", sandbox.BucketOptions{}); err != nil {
		t.Fatal(err)
	}
	plant(t, sb, "k", sandbox.Planted{Body: []byte("x")})
	for name, call := range map[string]func(st *aws.S3) error{
		"Open": func(st *aws.S3) error {
			body, _, err := st.Open(t.Context(), object.Object{Bucket: "src1", Key: "k"}, store.Range{})
			if err == nil {
				body.Close()
			}
			return err
		},
		"Head": func(st *aws.S3) error {
			_, err := st.Head(t.Context(), object.Object{Bucket: "src1", Key: "k"})
			return err
		},
		"Upload": func(st *aws.S3) error {
			_, err := st.Upload(t.Context(), object.Location{Bucket: "src1", Key: "u"}, bytes.NewReader(noise(6*mib)), store.PutOptions{})
			return err
		},
	} {
		if err := call(connect(t, srv, aws.Settings{})); err != nil { // the client says us-east-1
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The end of a context ends a call that hangs, with the context's cause.
func TestHangingCallsEnd(t *testing.T) {
	sb, st := sandboxed(t, sandbox.Options{})
	plant(t, sb, "k", sandbox.Planted{Body: []byte("0123456789")})
	sb.SetFaults(sandbox.Rule{Fault: sandbox.Fault{Kind: sandbox.Latency, Latency: sandbox.Duration(time.Hour)}})
	o := object.Object{Bucket: "src1", Key: "k"}
	lost := errors.New("lease lost")
	for name, call := range map[string]func(ctx context.Context) error{
		"Open": func(ctx context.Context) error { _, _, err := st.Open(ctx, o, store.Range{}); return err },
		"Head": func(ctx context.Context) error { _, err := st.Head(ctx, o); return err },
		"Put": func(ctx context.Context) error {
			_, err := st.Put(ctx, o.Location(), nil, store.PutOptions{})
			return err
		},
		"UploadPart": func(ctx context.Context) error {
			_, err := st.UploadPart(ctx, o.Location(), "u", 1, nil, object.CRC64NVME(0))
			return err
		},
		"Upload": func(ctx context.Context) error {
			_, err := st.Upload(ctx, o.Location(), strings.NewReader("x"), store.PutOptions{})
			return err
		},
		"List": func(ctx context.Context) error {
			for _, err := range st.List(ctx, o.Location()) {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(20*time.Millisecond, func() { cancel(lost) })
			if err := call(ctx); !errors.Is(err, lost) {
				t.Errorf("error %v, want the cause", err)
			}
		})
	}
}

// A context that ends while an upload is being created leaves none behind: the
// answer with its ID is still waited for.
func TestEndedCreateLeavesNothing(t *testing.T) {
	lost := errors.New("lease lost")
	var end func()
	srv, _ := startSandbox(t, sandbox.Options{Before: func(e sandbox.Exchange) {
		if e.Operation == "CreateMultipartUpload" {
			end()
		}
	}})
	createBucket(t, srv, "src1")
	st := connect(t, srv, aws.Settings{})
	l := object.Location{Bucket: "src1", Key: "k"}
	for name, call := range map[string]func(ctx context.Context) error{
		"CreateUpload": func(ctx context.Context) error { _, err := st.CreateUpload(ctx, l, store.PutOptions{}); return err },
		"Upload": func(ctx context.Context) error {
			_, err := st.Upload(ctx, l, bytes.NewReader(noise(7*mib)), store.PutOptions{})
			return err
		},
		"Copy": func(ctx context.Context) error {
			_, err := st.Copy(ctx, object.At(l), object.Attributes{Size: 7 * mib}, nil, l, store.PutOptions{})
			return err
		},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		end = func() { cancel(lost) }
		if err := call(ctx); !errors.Is(err, lost) {
			t.Errorf("%s: error %v, want the cause", name, err)
		}
		wantNoUploads(t, srv, "src1")
	}
}
