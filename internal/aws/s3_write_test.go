package aws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"s3bundler/internal/aws"
	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

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
			p, err := st.UploadPart(ctx, l, id, i+1, part, partSum(part))
			if err != nil {
				t.Fatal(err)
			}
			if i != 1 {
				parts = append(parts, p)
			}
		}
		if _, err := st.UploadPart(ctx, l, id, 1, content[:5*mib], partSum(nil)); err == nil {
			t.Error("a part with another sum was taken")
		}
		// Sent again, with other bytes and then with the right ones.
		for _, part := range [][]byte{noise(5*mib + 7), content[:5*mib]} {
			if parts[0], err = st.UploadPart(ctx, l, id, 1, part, partSum(part)); err != nil {
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
		if _, err := st.UploadPart(t.Context(), l, id, 1, noise(10), partSum(noise(10))); err != nil {
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
