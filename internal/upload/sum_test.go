package upload

import (
	"math/rand/v2"
	"testing"

	"github.com/minio/crc64nvme"
)

func TestSumOfPartsIsThatOfTheWhole(t *testing.T) {
	content := make([]byte, 100_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content)
	for _, sizes := range [][]int{{100_000}, {1, 99_999}, {0, 100_000, 0}, {33_333, 33_333, 33_334}, {99_992, 8}} {
		var whole uint64
		rest := content
		for _, n := range sizes {
			var b buffer
			b.add(rest[:n])
			rest = rest[n:]
			whole = b.sum().after(whole)
		}
		if want := crc64nvme.Checksum(content); whole != want {
			t.Errorf("%v: %x, want %x", sizes, whole, want)
		}
	}
}
