package aws

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// TestLearnTogether sends requests side by side, which all hear at once that
// the bucket's region, or the clock, is another: all must get through.
func TestLearnTogether(t *testing.T) {
	const n = 16
	for name, refuse := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"region": func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.Header.Get("Authorization"), "us-west-2") {
				return false
			}
			w.Header().Set("X-Amz-Bucket-Region", "us-west-2")
			w.WriteHeader(http.StatusMovedPermanently)
			if r.Method != http.MethodHead {
				_, _ = io.WriteString(w, errorBody("PermanentRedirect", "no", ""))
			}
			return true
		},
		"clock": func(w http.ResponseWriter, r *http.Request) bool {
			at, err := time.Parse(dateFormat, r.Header.Get("X-Amz-Date"))
			if err == nil && time.Until(at) > 30*time.Minute {
				return false
			}
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, errorBody("RequestTimeTooSkewed", "no", fmt.Sprintf("<ServerTime>%s</ServerTime>", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))))
			return true
		},
	} {
		for op, ask := range map[string]func(s *S3, l object.Location) error{
			"Open": func(s *S3, l object.Location) error {
				body, _, err := s.Open(t.Context(), object.At(l), store.Range{})
				if err == nil {
					err = body.Close()
				}
				return err
			},
			"Head": func(s *S3, l object.Location) error {
				_, err := s.Head(t.Context(), object.At(l))
				return err
			},
			"UploadPart": func(s *S3, l object.Location) error {
				_, err := s.UploadPart(t.Context(), l, "u", 1, []byte("hello"), object.CRC64NVME(crc64nvme.Checksum([]byte("hello"))))
				return err
			},
		} {
			if name == "clock" && op == "Head" {
				continue // is the SDK's, which learns the time from the header Date
			}
			t.Run(name+", "+op, func(t *testing.T) {
				var first sync.WaitGroup
				first.Add(n)
				var asked atomic.Int32
				s := newS3(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					if asked.Add(1) <= n {
						first.Done()
						first.Wait()
					}
					if !refuse(w, r) {
						w.Header().Set("Etag", `"e"`)
						w.Header().Set("Content-Length", "0")
					}
				}), Settings{})
				var all sync.WaitGroup
				for i := range n {
					all.Go(func() {
						if err := ask(s, object.Location{Bucket: "b", Key: fmt.Sprint(i)}); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
			})
		}
	}
}
