package main

import (
	"crypto/md5"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/object"
)

// stored is an object that was put.
type stored struct {
	etag string // quoted
	sum  string // CRC-64/NVME as S3 writes it; empty if none was sent
	size int64
	body []byte // nil unless the bucket keeps
}

// keeper remembers what was put. It is safe for concurrent use.
type keeper struct {
	mu      sync.Mutex
	objects map[string]stored           // by bucket/key
	uploads map[string]map[int64]stored // parts of open multipart uploads
	last    int64
}

func newKeeper() *keeper {
	return &keeper{objects: map[string]stored{}, uploads: map[string]map[int64]stored{}}
}

func (k *keeper) get(name string) (stored, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.objects[name]
	return s, ok
}

// put stores an object. With absent it refuses to replace one.
func (k *keeper) put(name string, s stored, absent bool) (stored, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, there := k.objects[name]; there && absent {
		return stored{}, false
	}
	if s.etag = k.etag(""); s.body != nil {
		s.etag = fmt.Sprintf(`"%x"`, md5.Sum(s.body))
		s.sum = object.CRC64NVME(crc64nvme.Checksum(s.body)).Value
	}
	k.objects[name] = s
	return s, true
}

// etag is a new one; suffix is that of multipart uploads.
func (k *keeper) etag(suffix string) string {
	k.last++
	sum := crc64nvme.Checksum(strconv.AppendInt(nil, k.last, 10))
	return fmt.Sprintf(`"%016x%016x%s"`, sum, k.last, suffix)
}

func (k *keeper) create() (uploadID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last++
	id := strconv.FormatInt(k.last, 10)
	k.uploads[id] = map[int64]stored{}
	return id
}

func (k *keeper) part(id string, n int64, s stored) (stored, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	parts := k.uploads[id]
	if parts == nil {
		return stored{}, false
	}
	s.etag = k.etag("")
	parts[n] = s
	return s, true
}

// complete makes an object of all parts that were sent.
func (k *keeper) complete(name, id, sum string) (stored, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	parts, ok := k.uploads[id]
	if !ok {
		return stored{}, false
	}
	delete(k.uploads, id)
	s := stored{sum: sum, etag: k.etag("-" + strconv.Itoa(len(parts)))}
	for n := int64(1); n <= int64(len(parts)); n++ {
		s.size += parts[n].size
		s.body = append(s.body, parts[n].body...)
	}
	k.objects[name] = s
	return s, true
}

func (k *keeper) abort(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.uploads, id)
}

// list gives the objects of a bucket, sorted by key.
func (k *keeper) list(bucket string) (all []listed) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for name, o := range k.objects {
		if key, ok := strings.CutPrefix(name, bucket+"/"); ok {
			all = append(all, listed{key: key, etag: o.etag, size: o.size})
		}
	}
	slices.SortFunc(all, func(a, b listed) int { return strings.Compare(a.key, b.key) })
	return all
}

// keeps reports whether the bodies of a bucket's objects are kept.
func keeps(bucket string) bool { return strings.HasPrefix(bucket, "kept") }
