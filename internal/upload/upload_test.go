package upload_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"s3bundler/internal/object"
	"s3bundler/internal/store"
	"s3bundler/internal/upload"

	"github.com/minio/crc64nvme"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bucket is an upload.Store in memory that counts calls and fails on request.
type bucket struct {
	mu       sync.Mutex
	parts    map[int][]byte
	open     bool
	stored   []byte
	puts     int
	failPart int
	wrongSum bool
}

var errPart = errors.New("part refused")

func (b *bucket) Put(_ context.Context, _ object.Location, body []byte, _ store.PutOptions) (store.Stored, error) {
	b.stored, b.puts = bytes.Clone(body), b.puts+1
	return store.Stored{ETag: "put"}, nil
}

func (b *bucket) CreateUpload(context.Context, object.Location, store.PutOptions) (string, error) {
	b.open, b.parts = true, map[int][]byte{}
	return "id", nil
}

func (b *bucket) UploadPart(ctx context.Context, _ object.Location, _ string, n int, body []byte, sum object.Checksum) (store.Part, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return store.Part{}, err
	}
	if n == b.failPart {
		return store.Part{}, errPart
	}
	if sum != object.CRC64NVME(crc64nvme.Checksum(body)) {
		return store.Part{}, errors.New("checksum of a part differs")
	}
	b.parts[n] = bytes.Clone(body)
	return store.Part{Number: n, ETag: strconv.Itoa(n)}, nil
}

func (b *bucket) CompleteUpload(_ context.Context, _ object.Location, _ string, parts []store.Part, sum object.Checksum, _ store.PutOptions) (store.Stored, error) {
	b.open, b.stored = false, nil
	for i, p := range parts {
		if p.Number != i+1 {
			return store.Stored{}, errors.New("parts out of order")
		}
		b.stored = append(b.stored, b.parts[p.Number]...)
	}
	if got := object.CRC64NVME(crc64nvme.Update(0, b.stored)); got != sum {
		return store.Stored{}, errors.New("checksum differs")
	}
	if b.wrongSum {
		sum.Value = "AAAAAAAAAAA="
	}
	return store.Stored{ETag: "multipart-2", Checksum: sum}, nil
}

func (b *bucket) AbortUpload(context.Context, object.Location, string) error {
	b.open = false
	return nil
}

var at = object.Location{Bucket: "b", Key: "k"}

// random is where all test content comes from: making it is slow under the
// race detector.
var random = sync.OnceValue(func() []byte {
	rng := rand.New(rand.NewPCG(1, 1))
	p := make([]byte, 0, 4*upload.MinPartSize)
	for len(p) < cap(p) {
		p = binary.LittleEndian.AppendUint64(p, rng.Uint64())
	}
	return p
})

func noise(n int) []byte { return random()[:n:n] }

func TestSizes(t *testing.T) {
	const part = upload.MinPartSize
	for _, size := range []int{0, 1, part - 1, part, part + 1, 2 * part, 3*part + 7} {
		b := &bucket{}
		w := upload.New(t.Context(), b, at, upload.Options{PartSize: part, Parallel: 2})
		data := noise(size)
		for p := data; len(p) > 0; {
			n := min(len(p), 100_003)
			if _, err := w.Write(p[:n]); err != nil {
				t.Fatal(err)
			}
			p = p[n:]
		}
		stored, err := w.Close()
		if err != nil || !bytes.Equal(b.stored, data) || stored.Size != int64(size) {
			t.Errorf("%d bytes: stored %d (%+v), %v", size, len(b.stored), stored, err)
		}
		if one := size <= part; one != (b.puts == 1) {
			t.Errorf("%d bytes: %d single requests", size, b.puts)
		}
	}
}

func TestRollback(t *testing.T) {
	const part = upload.MinPartSize
	for _, before := range []int{0, 10, part - 1, part, part + 3, 2 * part} {
		for _, bad := range []int{0, 5, part, 3 * part} {
			for _, after := range []int{0, 17, part, 2*part + 1} {
				b := &bucket{}
				w := upload.New(t.Context(), b, at, upload.Options{PartSize: part, Parallel: 2})
				head, tail := noise(before), noise(after)
				write := func(p []byte) {
					if _, err := w.Write(p); err != nil {
						t.Fatal(err)
					}
				}
				write(head)
				w.Mark()
				write(make([]byte, bad))
				w.Rollback()
				write(tail)
				if _, err := w.Close(); err != nil {
					t.Fatalf("%d, %d taken back, %d: %v", before, bad, after, err)
				}
				if want := append(head, tail...); !bytes.Equal(b.stored, want) {
					t.Fatalf("%d, %d taken back, %d: stored %d bytes, want %d", before, bad, after, len(b.stored), len(want))
				}
			}
		}
	}
}

func TestWriteSummed(t *testing.T) {
	const part = upload.MinPartSize
	content := noise(2*part + 12_345)
	for _, step := range []int{64 << 10, 99_999, part, part + 1, 3 * part} {
		b := &bucket{}
		w := upload.New(t.Context(), b, at, upload.Options{PartSize: part, Parallel: 2})
		if _, err := w.Write(content[:7]); err != nil { // a header before it
			t.Fatal(err)
		}
		for p := content[7:]; len(p) > 0; p = p[min(step, len(p)):] {
			q := p[:min(step, len(p))]
			if n, err := w.WriteSummed(q, crc64nvme.Checksum(q)); n != len(q) || err != nil {
				t.Fatal(n, err)
			}
		}
		stored, err := w.Close()
		if err != nil || !bytes.Equal(b.stored, content) || stored.Checksum != object.CRC64NVME(crc64nvme.Checksum(content)) {
			t.Errorf("steps of %d: stored %d bytes, %+v, %v", step, len(b.stored), stored, err)
		}
	}
}

func TestFailureLeavesNoUploadOpen(t *testing.T) {
	const part = upload.MinPartSize
	b := &bucket{failPart: 2}
	w := upload.New(t.Context(), b, at, upload.Options{PartSize: part, Parallel: 1})
	_, err := w.Write(noise(4 * part))
	if err == nil {
		_, err = w.Close()
	} else {
		err = errors.Join(err, w.Abort())
	}
	if !errors.Is(err, errPart) || b.open {
		t.Errorf("a failed part: %v, upload open: %v", err, b.open)
	}

	ctx, cancel := context.WithCancel(t.Context())
	b = &bucket{}
	w = upload.New(ctx, b, at, upload.Options{PartSize: part, Parallel: 1})
	if _, err := w.Write(noise(part + 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := w.Close(); !errors.Is(err, context.Canceled) || b.open {
		t.Errorf("cancelled: %v, upload open: %v", err, b.open)
	}

	b = &bucket{wrongSum: true}
	w = upload.New(t.Context(), b, at, upload.Options{PartSize: part, Parallel: 1})
	if _, err := w.Write(noise(part + 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err == nil {
		t.Error("a wrong checksum in the answer was taken")
	}
}
