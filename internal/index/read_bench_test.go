package index

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"s3bundler/internal/archive"
	"s3bundler/internal/object"
)

func BenchmarkRead(b *testing.B) {
	const rows = 10_000
	var text []byte
	for i := range rows {
		r := Row{
			Bucket: "source", Key: fmt.Sprintf("logs/2026/11/obj-%08d.bin", i), Size: int64(i) * 7919 % 20_000,
			LastModified: time.Date(2026, time.March, 30, 18, 6, 0, 0, time.UTC).Add(time.Duration(i) * time.Second),
			Checksum:     fmt.Sprintf("%032x", i), Place: &archive.Place{Offset: int64(i) * 10752, BlockLength: -1},
			CRC64NVME: "AAAAAAAAAAA=", Headers: []object.Pair{{Name: "Content-Type", Value: "application/octet-stream"}},
		}
		text = r.Append(text)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range Read(bytes.NewReader(text)) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != rows {
			b.Fatal(n)
		}
	}
}
