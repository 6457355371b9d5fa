package aws

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// operation names a request that writes.
func operation(r *http.Request) string {
	q, copied := r.URL.Query(), r.Header.Get("X-Amz-Copy-Source") != ""
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodPost:
		return "CompleteMultipartUpload"
	case q.Has("partNumber") && copied:
		return "UploadPartCopy"
	case q.Has("partNumber"):
		return "UploadPart"
	case copied:
		return "CopyObject"
	}
	return r.Method
}

// An answer of success that lacks what S3's has is no success: something in
// between may have given it, and S3 gives that of a copy before it has copied.
func TestSuccessNeedsProof(t *testing.T) {
	l, src := object.Location{Bucket: "b", Key: "k"}, object.Object{Bucket: "src", Key: "k"}
	put := func(t *testing.T, s *S3) error {
		_, err := s.Put(t.Context(), l, []byte("hello"), store.PutOptions{})
		return err
	}
	upload := func(n int) func(t *testing.T, s *S3) error {
		return func(t *testing.T, s *S3) error {
			_, err := s.Upload(t.Context(), l, strings.NewReader(strings.Repeat("x", n)), store.PutOptions{})
			return err
		}
	}
	copied := func(size int64) func(t *testing.T, s *S3) error {
		return func(t *testing.T, s *S3) error {
			_, err := s.Copy(t.Context(), src, object.Attributes{Size: size, ETag: "e"}, nil, l, store.PutOptions{})
			return err
		}
	}
	for _, tt := range []struct {
		name   string
		lie    string // what is answered without doing it
		do     func(t *testing.T, s *S3) error
		reason fault.Reason
	}{
		{"put", http.MethodPut, put, ""},
		{"create", "CreateMultipartUpload", func(t *testing.T, s *S3) error {
			_, err := s.CreateUpload(t.Context(), l, store.PutOptions{})
			return err
		}, ""},
		{"part", "UploadPart", func(t *testing.T, s *S3) error {
			_, err := s.UploadPart(t.Context(), l, "id", 1, []byte("hello"), object.CRC64NVME(1))
			return err
		}, ""},
		{"complete", "CompleteMultipartUpload", func(t *testing.T, s *S3) error {
			_, err := s.CompleteUpload(t.Context(), l, "id", []store.Part{{Number: 1, ETag: "e"}}, object.CRC64NVME(1), store.PutOptions{})
			return err
		}, ""},
		{"managed put", http.MethodPut, upload(5), ""},
		{"managed part", "UploadPart", upload(6 << 20), ""},
		{"managed complete", "CompleteMultipartUpload", upload(6 << 20), ""},
		{"copy", "CopyObject", copied(5), fault.Retry},
		{"copied part", "UploadPartCopy", copied(6 << 20), fault.Retry},
		{"copy of parts", "CompleteMultipartUpload", copied(6 << 20), ""},
	} {
		for _, answer := range []string{"", `<?xml version="1.0" encoding="UTF-8"?>` + "\n   ", "<html>sign in</html>"} {
			t.Run(tt.name+"/"+answer, func(t *testing.T) {
				aborts := 0
				endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					op := operation(r)
					if op == http.MethodDelete {
						aborts++
						w.WriteHeader(http.StatusNoContent)
						return
					}
					if op == tt.lie {
						w.Header().Del("Etag")
						_, _ = io.WriteString(w, answer)
						return
					}
					switch op {
					case "CreateMultipartUpload":
						_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>")
					case "CompleteMultipartUpload", "CopyObject", "UploadPartCopy":
						_, _ = fmt.Fprintf(w, "<Result><ETag>&quot;e&quot;</ETag></Result>")
					}
				})
				s := newS3(t, endpoint, Settings{})
				s.SetSizes(5<<20, 5<<20, 5<<20)
				err := tt.do(t, s)
				if fault.KindOf(err) != fault.Upload || fault.ReasonOf(err) != tt.reason {
					t.Errorf("kind %d, reason %q: %v", fault.KindOf(err), fault.ReasonOf(err), err)
				}
				if begun := strings.HasPrefix(tt.name, "managed p") && tt.lie != http.MethodPut || strings.HasPrefix(tt.name, "copied"); begun && aborts == 0 {
					t.Error("an upload stays open")
				}
			})
		}
	}
}
