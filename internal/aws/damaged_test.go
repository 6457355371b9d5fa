package aws

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// TestDamagedUploads: what S3 did not get as it was sent is sent again, however
// often that happens in a row, and the error that is left blames the network.
func TestDamagedUploads(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "4")
	for _, code := range []string{"BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"} {
		t.Run(code, func(t *testing.T) {
			asked, damaged := 0, 4
			s := newS3(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if asked++; asked <= damaged {
					w.WriteHeader(http.StatusBadRequest)
					io.WriteString(w, errorBody(code, "m", ""))
				}
			}), Settings{})
			body := []byte("hello")
			for name, send := range map[string]func() error{
				"PutObject s3://b/k: ": func() error {
					_, err := s.Put(t.Context(), object.Location{Bucket: "b", Key: "k"}, body, store.PutOptions{})
					return err
				},
				"UploadPart s3://b/k: ": func() error {
					_, err := s.UploadPart(t.Context(), object.Location{Bucket: "b", Key: "k"}, "u", 1, body, object.CRC64NVME(crc64nvme.Checksum(body)))
					return err
				},
			} {
				asked, damaged = 0, 4
				if err := send(); err != nil || asked != 5 {
					t.Errorf("%s%d requests, %v; want 5 and none", name, asked, err)
				}
				asked, damaged = 0, 1000
				err := send()
				if asked != 5 || !fault.Transient(err) || fault.KindOf(err) != fault.Upload {
					t.Errorf("%s%d requests, transient %t, kind %d", name, asked, fault.Transient(err), fault.KindOf(err))
				}
				if m := fmt.Sprint(err); !strings.HasPrefix(m, name+code+": m") || !strings.HasSuffix(m, "; the bytes were damaged on their way: check the network and proxies") {
					t.Errorf("message %q", m)
				}
			}
		})
	}
}
