package sandbox

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestConcurrent lets clients loose on a few keys: whatever they do to each
// other, a body that arrives is whole and is the one of its ETag.
func TestConcurrent(t *testing.T) {
	for _, opt := range []Options{{MinPartSize: 1}, {MinPartSize: 1, Dir: t.TempDir()}} {
		s := start(t, opt)
		if err := s.CreateBucket("versions", BucketOptions{Versioned: true}); err != nil {
			t.Fatal(err)
		}
		s.SetFaults(Rule{Operation: "GetObject", Probability: 0.1, Fault: Fault{Kind: Replace}})
		var clients sync.WaitGroup
		for c := range 8 {
			clients.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(c)))
				for range 40 {
					client(t, s, random)
				}
			})
		}
		clients.Wait()
		if got := s.Uploads(); len(got) != 0 {
			t.Errorf("open uploads: %v", got)
		}
	}
}

// client does one thing at random.
func client(t *testing.T, s *Server, random *rand.Rand) {
	bucket := []string{"src", "versions"}[random.IntN(2)]
	path := fmt.Sprintf("/%s/k%d", bucket, random.IntN(3))
	body := strings.Repeat(fmt.Sprint(random.IntN(10)), 1+random.IntN(100_000))
	try := func(method, path, body string, header ...string) (http.Header, string, bool) {
		resp, got, err := do(t, s, method, path, body, header...)
		if err != nil {
			t.Errorf("%s %s: %v", method, path, err)
			return nil, "", false
		}
		if resp.StatusCode >= 500 {
			t.Errorf("%s %s: %s", method, path, got)
		}
		return resp.Header, got, resp.StatusCode < 300
	}
	switch random.IntN(7) {
	case 0, 1:
		try("PUT", path, body)
	case 2:
		try("DELETE", path, "")
	case 3:
		try("PUT", path, "", "x-amz-copy-source", fmt.Sprintf("src/k%d", random.IntN(3)), "x-amz-metadata-directive", "REPLACE")
	case 4:
		try("GET", "/"+bucket+"?list-type=2", "")
	case 5:
		id := createUpload(t, s, path)
		etag := uploadPart(t, s, path, id, 1, body)
		if _, answer, ok := try("POST", path+"?uploadId="+id, completeXML([]string{etag})); !ok {
			t.Errorf("complete: %s", answer)
		}
	default:
		h, got, ok := try("GET", path, "")
		if etag := strings.Trim(h.Get("ETag"), `"`); ok && !strings.Contains(etag, "-") {
			if sum := md5.Sum([]byte(got)); hex.EncodeToString(sum[:]) != etag {
				t.Errorf("%s: %d bytes that are not those of %s", path, len(got), etag)
			}
		}
	}
}
