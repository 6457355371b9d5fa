package object

import (
	"math/rand/v2"
	"testing"

	"github.com/minio/crc64nvme"
)

func TestJoinCRC64NVME(t *testing.T) {
	content := make([]byte, 100_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content)
	for _, sizes := range [][]int{{100_000}, {1, 99_999}, {0, 100_000, 0}, {33_333, 33_333, 33_334}, {99_992, 8}, {65_536, 34_464}} {
		var whole uint64
		rest := content
		for _, n := range sizes {
			whole = JoinCRC64NVME(whole, crc64nvme.Checksum(rest[:n]), int64(n))
			rest = rest[n:]
		}
		if want := crc64nvme.Checksum(content); whole != want {
			t.Errorf("%v: %x, want %x", sizes, whole, want)
		}
	}
}

func BenchmarkJoinCRC64NVME(b *testing.B) {
	var sum uint64
	for b.Loop() {
		sum = JoinCRC64NVME(sum, 0x0123456789ABCDEF, 64<<10)
	}
	_ = sum
}
