package upload

import (
	"math/rand/v2"
	"testing"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

func TestSumOfPartsIsThatOfTheWhole(t *testing.T) {
	content := make([]byte, 100_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content)
	for _, sizes := range [][]int{{100_000}, {1, 99_999}, {0, 100_000, 0}, {33_333, 33_333, 33_334}, {99_992, 8}} {
		var whole uint64
		rest := content
		for i, n := range sizes {
			body := rest[:n]
			rest = rest[n:]
			var p store.Part
			if i%2 == 0 { // else it must be calculated
				p.Checksum = object.CRC64NVME(crc64nvme.Checksum(body))
			}
			whole = sumOf(p, body).after(whole)
		}
		if want := crc64nvme.Checksum(content); whole != want {
			t.Errorf("%v: %x, want %x", sizes, whole, want)
		}
	}
}
