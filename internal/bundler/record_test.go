package bundler_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"s3bundler/internal/bundler"
	"s3bundler/internal/fault"
	"s3bundler/internal/layout"
	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
)

// tight has so little memory that indexes which do not compress are sent while
// they grow.
func tight() bundler.Options { return bundler.Options{Memory: 16 * object.MiB} }

// overflow plants objects whose index, and lists rows whose dead letters, do
// not fit the memory for them.
func (w *world) overflow(index, letters bool) {
	w.plant("first", sandbox.Planted{Body: []byte("x")})
	for i := 0; index && i < 2900; i++ {
		w.plant(fmt.Sprintf("k%d", i), sandbox.Planted{Body: []byte("x"), Metadata: map[string]string{
			"m": base64.RawURLEncoding.EncodeToString(noise(uint64(i), 1450)),
		}})
	}
	for i := 0; letters && i < 1700; i++ {
		w.rows = append(w.rows, "src1,"+base64.RawURLEncoding.EncodeToString(noise(uint64(i), 2500))+"\n")
	}
}

// TestLargeIndex: an index that is sent while it grows is the same as one that
// is not, and says as much of what it is of.
func TestLargeIndex(t *testing.T) {
	w := newWorld(t)
	w.overflow(true, true)
	r, err := w.bundle(bundler.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantIndex, wantLetters := w.get(r.Index), w.get(layout.DeadLetters(at))
	wantAttr, err := w.s3.Head(t.Context(), object.At(r.Index))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []object.Location{r.Index, r.Archive, layout.DeadLetters(at)} {
		if err := w.s3.Delete(t.Context(), object.At(l)); err != nil {
			t.Fatal(err)
		}
	}

	parts := w.server.Stats().Requests["UploadPart"]
	if r, err = w.bundleAgain(t.Context(), tight()); err != nil {
		t.Fatal(err)
	}
	if w.server.Stats().Requests["UploadPart"]-parts < 4 {
		t.Error("index and dead letters were not sent in parts")
	}
	if string(w.get(r.Index)) != string(wantIndex) || string(w.get(layout.DeadLetters(at))) != string(wantLetters) {
		t.Error("index or dead letters differ")
	}
	attr, err := w.s3.Head(t.Context(), object.At(r.Index))
	if err != nil || fmt.Sprint(attr.Metadata, attr.Headers) != fmt.Sprint(wantAttr.Metadata, wantAttr.Headers) {
		t.Errorf("%v\n%v %v, want\n%v %v", err, attr.Metadata, attr.Headers, wantAttr.Metadata, wantAttr.Headers)
	}
	w.account(r)
	if r, err = w.bundleAgain(t.Context(), tight()); err != nil || !r.Done {
		t.Errorf("the second time: %+v, %v", r, err)
	}
}

// TestLargeIndexFailures fails each request for one in turn.
func TestLargeIndexFailures(t *testing.T) {
	for _, operation := range []string{"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "CopyObject"} {
		for _, key := range []string{"*.index", "*.dlq"} {
			t.Run(operation+" "+key, func(t *testing.T) {
				w := newWorld(t)
				w.overflow(key == "*.index", key == "*.dlq")
				w.server.SetFaults(sandbox.Rule{Operation: operation, Bucket: "dst", Key: key, Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
				r, err := w.bundle(tight())
				if fault.ExitCode(err) != 4 || !strings.Contains(err.Error(), operation) {
					t.Errorf("exit %d, %v", fault.ExitCode(err), err)
				}
				w.server.SetFaults()
				if open := w.server.Uploads(); len(open) > 0 {
					t.Errorf("uploads left open: %v", open)
				}
				if r.Index.Key != "" && w.get(r.Index) != nil && w.get(r.Archive) == nil {
					t.Error("there is an index without an archive")
				}
				if r, err = w.bundleAgain(t.Context(), tight()); err != nil || r.Done {
					t.Fatalf("the next run: %+v, %v", r, err)
				}
				w.account(r)
			})
		}
	}
}

// TestAtOnce: no more bundles run at once than there is memory for, and a
// person is told.
func TestAtOnce(t *testing.T) {
	w := newWorld(t)
	w.plant("k", sandbox.Planted{Body: []byte("x")})
	if _, err := w.bundle(bundler.Options{Workers: 16, Memory: 32 * object.MiB}); err != nil {
		t.Fatal(err)
	}
	if want := `2 manifests are worked on at once, for which there is memory, and not 16; --memory 200MB is enough for them`; !strings.Contains(w.log.String(), want) {
		t.Errorf("logged %q, want %q", w.log.String(), want)
	}
}
