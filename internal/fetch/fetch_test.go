package fetch_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bucket is a store.Reader in memory that fails as it is told.
type bucket struct {
	mu      sync.Mutex
	rng     *rand.Rand
	objects map[string]*stored
	rate    float64 // of requests that fail
	opens   int
	most    int // requests in flight at once
	now     int
}

type stored struct {
	content   []byte
	etag      string
	sum       object.Checksum
	tags      []object.Tag
	fail      error // every request
	corrupt   int   // that many requests give a flipped byte
	change    int   // the content changes after that many requests
	stall     int   // that many bodies stop in the middle
	noneAhead bool  // a HEAD fails
}

func newBucket(rate float64) *bucket {
	return &bucket{rng: rand.New(rand.NewPCG(7, 7)), objects: map[string]*stored{}, rate: rate}
}

func (b *bucket) put(key string, size int) *stored {
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(i*7 + len(key) + i>>9)
	}
	sum := md5.Sum(content)
	s := &stored{content: content, etag: hex.EncodeToString(sum[:]), sum: object.CRC64NVME(crc64nvme.Update(0, content))}
	b.objects[key] = s
	return s
}

var errReset = errors.New("connection reset")

func (b *bucket) Open(ctx context.Context, o object.Object, r store.Range) (io.ReadCloser, object.Attributes, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, object.Attributes{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opens++
	b.now++
	b.most = max(b.most, b.now)
	refuse := func(e *fault.Error) (io.ReadCloser, object.Attributes, error) {
		b.now--
		return nil, object.Attributes{}, e
	}
	s := b.objects[o.Key]
	where := o.Location().String()
	if s == nil {
		return refuse(&fault.Error{Reason: fault.NoSuchKey, Where: where})
	}
	if s.fail != nil {
		b.now--
		return nil, object.Attributes{}, s.fail
	}
	if s.change--; s.change == 0 {
		s.etag = "changed"
	}
	cut, flip := -1, false
	if b.rng.Float64() < b.rate {
		switch b.rng.IntN(4) {
		case 0:
			return refuse(&fault.Error{Reason: fault.Retry, Throttled: true, Where: where})
		case 1:
			b.now--
			return nil, object.Attributes{}, errReset
		case 2:
			flip = true
		case 3:
			cut = b.rng.IntN(1 + len(s.content))
		}
	}
	if o.ETag != "" && o.ETag != s.etag {
		return refuse(&fault.Error{Reason: fault.Changed, Where: where})
	}
	if r.Offset > 0 || r.Length > 0 {
		if r.Offset >= int64(len(s.content)) {
			return refuse(&fault.Error{Where: where, Err: store.ErrRange})
		}
	}
	attr := object.Attributes{Size: int64(len(s.content)), ETag: s.etag, LastModified: time.Unix(1, 0), TagCount: len(s.tags)}
	body := s.content[r.Offset:]
	if r.Length > 0 {
		body = body[:min(int64(len(body)), r.Length)]
	} else if r.Offset == 0 {
		attr.Checksum = s.sum
	}
	if s.corrupt > 0 || flip {
		s.corrupt--
		body = bytes.Clone(body)
		if len(body) > 0 {
			body[len(body)/2] ^= 1
		}
	}
	if s.stall > 0 {
		s.stall--
		return &tracked{Reader: io.MultiReader(bytes.NewReader(body[:len(body)/2]), hang{ctx}), b: b}, attr, nil
	}
	if cut >= 0 && cut < len(body) {
		return &tracked{Reader: io.MultiReader(bytes.NewReader(body[:cut]), broken{}), b: b}, attr, nil
	}
	return &tracked{Reader: bytes.NewReader(body), b: b}, attr, nil
}

// tracked counts its request out when it is closed.
type tracked struct {
	io.Reader
	b *bucket
}

func (t *tracked) Close() error {
	t.b.mu.Lock()
	t.b.now--
	t.b.mu.Unlock()
	return nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errReset }

type hang struct{ ctx context.Context }

func (h hang) Read([]byte) (int, error) {
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

func (b *bucket) Tags(_ context.Context, o object.Object) ([]object.Tag, error) {
	return b.objects[o.Key].tags, nil
}

func (b *bucket) Head(_ context.Context, o object.Object) (object.Attributes, error) {
	s := b.objects[o.Key]
	if s.noneAhead {
		return object.Attributes{}, errReset
	}
	return object.Attributes{Size: int64(len(s.content)), ETag: s.etag, Checksum: s.sum}, nil
}

// list asks for all of b's keys in order of their numbers, as they are.
func (b *bucket) list(n int) iter.Seq2[object.Object, error] {
	return func(yield func(object.Object, error) bool) {
		for i := range n {
			key := fmt.Sprintf("k%d", i)
			var size int64
			if s := b.objects[key]; s != nil {
				size = int64(len(s.content))
			}
			if !yield(object.Object{Bucket: "b", Key: key, Size: size}, nil) {
				return
			}
		}
	}
}

// read takes an item as the bundler does: again, if its content was wrong.
func read(it *fetch.Item) ([]byte, error) {
	if it.Err != nil {
		return nil, it.Err
	}
	if p, ok := it.Whole(); ok {
		return bytes.Clone(p), nil
	}
	for attempt := 1; ; attempt++ {
		var buf bytes.Buffer
		_, err := it.WriteTo(&buf)
		if err == nil || fault.ReasonOf(err) != fault.ChecksumMismatch || attempt == 5 {
			return buf.Bytes(), err
		}
	}
}

func options(budget int64, limit int) fetch.Options {
	return fetch.Options{Budget: fetch.NewBudget(budget), Limiter: fetch.NewLimiter(limit), Stats: &fetch.Stats{}}
}

var sizes = []int{0, 1, 100, 4096, 4097, 70_000, fetch.Chunk - 1, fetch.Chunk, fetch.Chunk + 1, 3*fetch.Chunk + 5, 10_000, 10_000, 10_000}

func TestOrderedGivesAllInOrder(t *testing.T) {
	for _, tt := range []struct {
		name   string
		rate   float64
		budget int64
		limit  int
	}{
		{"plenty", 0, 256 << 20, 64},
		{"one chunk of memory, one request", 0, fetch.Chunk, 1},
		{"a hundredth of requests fail", 0.01, 64 << 20, 16},
		{"a fifth of requests fail", 0.2, 20 << 20, 16},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBucket(tt.rate)
				const n = 120
				for i := range n {
					size := i * 37
					if i < len(sizes) {
						size = sizes[i]
					}
					b.put(fmt.Sprintf("k%d", i), size)
				}
				opt := options(tt.budget, tt.limit)
				i := 0
				for it, err := range fetch.Ordered(t.Context(), b, b.list(n), opt) {
					if err != nil {
						t.Fatal(err)
					}
					key := fmt.Sprintf("k%d", i)
					want := b.objects[key]
					got, err := read(it)
					if err != nil || it.Object.Key != key || !bytes.Equal(got, want.content) {
						t.Fatalf("%s: got %s with %d bytes, %v; want %d bytes", key, it.Object.Key, len(got), err, len(want.content))
					}
					if it.CRC64NVME() != want.sum.Value {
						t.Fatalf("%s: CRC64NVME %s, want %s", key, it.CRC64NVME(), want.sum.Value)
					}
					i++
				}
				if i != n {
					t.Errorf("%d items, want %d", i, n)
				}
				if b.most > tt.limit {
					t.Errorf("%d requests at once, limit %d", b.most, tt.limit)
				}
				if b.now != 0 {
					t.Errorf("%d bodies left open", b.now)
				}
			})
		})
	}
}

func TestReasons(t *testing.T) {
	const large = 2*fetch.Chunk + 9
	for _, tt := range []struct {
		name   string
		listed int64 // size in the list; -1 for what is there
		plan   func(*bucket)
		want   fault.Reason
	}{
		{"gone", 5, func(b *bucket) {}, fault.NoSuchKey},
		{"a large one gone", large, func(b *bucket) {}, fault.NoSuchKey},
		{"denied", -1, func(b *bucket) { b.put("k0", 5).fail = &fault.Error{Reason: fault.AccessDenied} }, fault.AccessDenied},
		{"glaciered", -1, func(b *bucket) { b.put("k0", large).fail = &fault.Error{Reason: fault.Glacier} }, fault.Glacier},
		{"always failing", -1, func(b *bucket) { b.put("k0", 5).fail = errReset }, fault.Retry},
		{"a large one always failing", -1, func(b *bucket) { b.put("k0", large).fail = errReset }, fault.Retry},
		{"throttled without end", -1, func(b *bucket) { b.put("k0", 5).fail = &fault.Error{Reason: fault.Retry, Throttled: true} }, fault.Retry},
		{"always corrupt", -1, func(b *bucket) { b.put("k0", 5).corrupt = 1000 }, fault.ChecksumMismatch},
		{"a large one always corrupt", -1, func(b *bucket) { b.put("k0", large).corrupt = 1000 }, fault.ChecksumMismatch},
		{"corrupt twice", -1, func(b *bucket) { b.put("k0", 5).corrupt = 2 }, ""},
		{"a large one corrupt once", -1, func(b *bucket) { b.put("k0", large).corrupt = 1 }, ""},
		{"a large one changes", -1, func(b *bucket) { b.put("k0", large).change = 2 }, fault.Changed},
		{"stalls", -1, func(b *bucket) { b.put("k0", 5).stall = 2 }, ""},
		{"a large one stalls", -1, func(b *bucket) { b.put("k0", large).stall = 3 }, ""},
		{"larger than listed", 10, func(b *bucket) { b.put("k0", large) }, ""},
		{"much larger than listed", fetch.Chunk + 1, func(b *bucket) { b.put("k0", 4*fetch.Chunk) }, ""},
		{"smaller than listed", large, func(b *bucket) { b.put("k0", 5) }, ""},
		{"empty, listed as large", large, func(b *bucket) { b.put("k0", 0) }, ""},
		{"no size listed", -2, func(b *bucket) { b.put("k0", 100_000) }, ""},
		{"no checksum by HEAD", -1, func(b *bucket) { b.put("k0", large).noneAhead = true }, ""},
		{"tagged", -1, func(b *bucket) { b.put("k0", 5).tags = []object.Tag{{Key: "a", Value: "b"}} }, ""},
		{"a large one tagged", -1, func(b *bucket) { b.put("k0", large).tags = []object.Tag{{Key: "a", Value: "b"}} }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBucket(0)
				tt.plan(b)
				b.put("k1", 77)
				o := object.Object{Bucket: "b", Key: "k0", Size: tt.listed, ETag: "of the list"}
				switch s := b.objects["k0"]; {
				case tt.listed == -1:
					o.Size = int64(len(s.content))
				case tt.listed == -2:
					o.Size = -1
				}
				objs := func(yield func(object.Object, error) bool) {
					_ = yield(o, nil) && yield(object.Object{Bucket: "b", Key: "k1", Size: 77}, nil)
				}
				var keys []string
				for it, err := range fetch.Ordered(t.Context(), b, objs, options(fetch.Chunk, 8)) {
					if err != nil {
						t.Fatal(err)
					}
					keys = append(keys, it.Object.Key)
					got, err := read(it)
					if it.Object.Key == "k1" {
						if err != nil {
							t.Errorf("its neighbour: %v", err)
						}
						continue
					}
					if reason := fault.ReasonOf(err); reason != tt.want || (err != nil) != (tt.want != "") {
						t.Errorf("%v: reason %q, want %q", err, reason, tt.want)
					}
					if err == nil && (!bytes.Equal(got, b.objects["k0"].content) || len(it.Tags) != len(b.objects["k0"].tags)) {
						t.Errorf("%d bytes and tags %v differ from what is stored", len(got), it.Tags)
					}
				}
				if len(keys) != 2 {
					t.Errorf("yielded %v, want k0 and k1", keys)
				}
			})
		})
	}
}

// TestMultipartObjectsGetAnMD5, whoever reads which of their bytes, and however
// often; so does the neighbour that is read at the same time.
func TestMultipartObjectsGetAnMD5(t *testing.T) {
	const large = 2*fetch.Chunk + 9
	for name, tt := range map[string]struct {
		size, listed int
		budget       int64
		limit        int
		rate         float64
		corrupt      int
	}{
		"small":                     {size: 1000, listed: 1000, budget: 64 << 20, limit: 4},
		"large":                     {size: large, listed: large, budget: 64 << 20, limit: 4},
		"one chunk of memory":       {size: large, listed: large, budget: fetch.Chunk, limit: 1},
		"larger than listed":        {size: large, listed: 10, budget: 64 << 20, limit: 4},
		"much larger than listed":   {size: large, listed: fetch.Chunk + 1, budget: 64 << 20, limit: 4},
		"smaller than listed":       {size: fetch.Chunk, listed: large, budget: 64 << 20, limit: 4},
		"corrupt once":              {size: large, listed: large, budget: 64 << 20, limit: 4, corrupt: 1},
		"a fifth of requests fail":  {size: large, listed: large, budget: 3 * fetch.Chunk, limit: 4, rate: 0.2},
		"empty, and listed as more": {size: 0, listed: large, budget: 64 << 20, limit: 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBucket(tt.rate)
				want := map[string]string{}
				for _, key := range []string{"k0", "k1"} {
					s := b.put(key, tt.size)
					want[key], s.etag, s.corrupt = s.etag, s.etag+"-2", tt.corrupt
				}
				objs := func(yield func(object.Object, error) bool) {
					_ = yield(object.Object{Bucket: "b", Key: "k0", Size: int64(tt.listed)}, nil) &&
						yield(object.Object{Bucket: "b", Key: "k1", Size: int64(tt.listed)}, nil)
				}
				for it, err := range fetch.Ordered(t.Context(), b, objs, options(tt.budget, tt.limit)) {
					if err != nil {
						t.Fatal(err)
					}
					key := it.Object.Key
					if _, err := read(it); err != nil || it.MD5() != want[key] {
						t.Errorf("%s: MD5 %q, want %q; %v", key, it.MD5(), want[key], err)
					}
				}
			})
		})
	}
}

func TestOrderedYieldsErrorsOfTheListInTheirPlace(t *testing.T) {
	b := newBucket(0)
	b.put("k0", 10)
	bad := errors.New("a bad row")
	objs := func(yield func(object.Object, error) bool) {
		_ = yield(object.Object{Key: "k0"}, nil) && yield(object.Object{}, bad) && yield(object.Object{Key: "k0"}, nil)
	}
	var got []string
	for it, err := range fetch.Ordered(t.Context(), b, objs, options(64<<20, 4)) {
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		got = append(got, it.Object.Key)
	}
	if fmt.Sprint(got) != "[k0 a bad row k0]" {
		t.Error(got)
	}
}

// TestOrderedEndsClean leaves the iteration at every point; goleak and the
// budget tell whether something stayed.
func TestOrderedEndsClean(t *testing.T) {
	const n = 14
	b := newBucket(0.1)
	for i := range n {
		b.put(fmt.Sprintf("k%d", i), i%7*(fetch.Chunk/3))
	}
	for stop := range n {
		for _, cancelled := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				why := errors.New("enough")
				opt := options(3*fetch.Chunk, 8)
				i := 0
				var last error
				for it, err := range fetch.Ordered(ctx, b, b.list(n), opt) {
					last = err
					if i++; err == nil && i%3 == 0 {
						read(it)
					}
					if i == stop+1 {
						if !cancelled {
							break
						}
						cancel(why)
					}
				}
				if cancelled && last != why && stop < n-1 {
					t.Errorf("cancelled at %d: ended with %v", stop, last)
				}
				synctest.Wait()
				for range fetch.Ordered(t.Context(), b, b.list(1), opt) { // waits for ever if memory is missing
				}
				if b.now != 0 {
					t.Errorf("stopped at %d: %d bodies left open", stop, b.now)
				}
			})
		}
	}
}

func TestStream(t *testing.T) {
	for _, rate := range []float64{0, 0.3} {
		synctest.Test(t, func(t *testing.T) {
			b := newBucket(rate)
			for i := range 20 {
				b.rate = rate
				key := fmt.Sprintf("k%d", i)
				want := b.put(key, i*i*1000)
				r, attr, err := fetch.Stream(t.Context(), b, object.Object{Bucket: "b", Key: key})
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r)
				if fault.ReasonOf(err) == fault.ChecksumMismatch && rate > 0 {
					continue // a flipped byte was found, and can not be taken back
				}
				if err != nil || !bytes.Equal(got, want.content) || attr.ETag != want.etag {
					t.Errorf("%s: %d bytes, %v", key, len(got), err)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(0)
		b.put("k0", 1000).corrupt = 1
		r, _, err := fetch.Stream(t.Context(), b, object.Object{Bucket: "b", Key: "k0"})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := io.ReadAll(r); fault.ReasonOf(err) != fault.ChecksumMismatch {
			t.Errorf("a corrupt stream ended with %v", err)
		}
		if _, _, err := fetch.Stream(t.Context(), b, object.Object{Bucket: "b", Key: "none"}); fault.ReasonOf(err) != fault.NoSuchKey {
			t.Errorf("a missing object: %v", err)
		}
		b.put("k2", 1000).stall = 3
		r2, _, err := fetch.Stream(t.Context(), b, object.Object{Bucket: "b", Key: "k2"})
		if err != nil {
			t.Fatal(err)
		}
		defer r2.Close()
		if got, err := io.ReadAll(r2); err != nil || len(got) != 1000 {
			t.Errorf("a stalling stream: %d bytes, %v", len(got), err)
		}
	})
}
