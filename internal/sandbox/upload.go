package sandbox

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// upload is a multipart upload that is open.
type upload struct {
	id, key string
	attr    attributes
	started time.Time
	// algorithm and kind are of the object's checksum to be. named says that
	// the client chose the algorithm.
	algorithm, kind string
	named           bool

	mu    sync.Mutex
	over  bool // completed or aborted
	parts map[int]*part
}

// part is one part. It does not change.
type part struct {
	number   int
	etag     string
	md5      []byte
	sum      string // base64, in the upload's algorithm
	modified time.Time
	content  content
}

// completion is what CompleteMultipartUpload answered, for it to be asked
// again: a client whose answer got lost does so, and S3 answers the same.
type completion struct {
	key, parts string
	version    *version
}

// upload finds an open upload of the request's key.
func (b *bucket) upload(id, key string) (*upload, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if u := b.uploads[id]; u != nil && u.key == key {
		return u, nil
	}
	return nil, errNoSuchUpload(id)
}

// add stores a part in place of one with the same number.
func (u *upload) add(b *bucket, p *part) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		b.drop(p.content)
		return errNoSuchUpload(u.id)
	}
	if old := u.parts[p.number]; old != nil {
		b.drop(old.content)
	}
	u.parts[p.number] = p
	return nil
}

// end closes the upload and frees its parts. Its lock is held, the bucket's
// is not.
func (u *upload) end(b *bucket) {
	u.over = true
	for _, p := range u.parts {
		b.drop(p.content)
	}
	b.mu.Lock()
	delete(b.uploads, u.id)
	b.mu.Unlock()
}

// sorted gives the parts by number. The lock is held.
func (u *upload) sorted() []*part {
	parts := make([]*part, 0, len(u.parts))
	for _, n := range slices.Sorted(maps.Keys(u.parts)) {
		parts = append(parts, u.parts[n])
	}
	return parts
}

// etagOf is S3's ETag for an object in parts: the MD5 of their MD5s.
func etagOf(parts []*part) string {
	h := md5.New()
	for _, p := range parts {
		h.Write(p.md5)
	}
	return fmt.Sprintf("%s-%d", hex.EncodeToString(h.Sum(nil)), len(parts))
}

// checksumOf makes the object's checksum of its parts'.
func (u *upload) checksumOf(parts []*part) (checksum, error) {
	if u.kind == fullObject {
		sums, sizes := make([]string, len(parts)), make([]int64, len(parts))
		for i, p := range parts {
			sums[i], sizes[i] = p.sum, p.content.size()
		}
		sum, ok := combineSums(u.algorithm, sums, sizes)
		if !ok {
			return checksum{}, fmt.Errorf("the parts of upload %s have no %s", u.id, u.algorithm)
		}
		return checksum{u.algorithm, sum, fullObject}, nil
	}
	h := newHash(u.algorithm)
	for _, p := range parts {
		b, err := base64.StdEncoding.DecodeString(p.sum)
		if err != nil {
			return checksum{}, err
		}
		h.Write(b)
	}
	return checksum{u.algorithm, fmt.Sprintf("%s-%d", encodeSum(h.Sum(nil)), len(parts)), composite}, nil
}

// chooseChecksum settles what the object's checksum will be. See "Using
// full-object and composite checksums for multipart uploads" in the S3 User
// Guide.
func (u *upload) chooseChecksum(algorithm, kind string) error {
	u.algorithm, u.kind, u.named = strings.ToUpper(algorithm), kind, algorithm != ""
	switch {
	case algorithm == "" && kind != "":
		return fail("InvalidRequest", "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
	case algorithm == "":
		u.algorithm, u.kind = "CRC64NVME", fullObject
		return nil
	case newHash(u.algorithm) == nil:
		return fail("InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	if kind == "" {
		u.kind = composite
		if u.algorithm == "CRC64NVME" {
			u.kind = fullObject
		}
	}
	_, width := crcPolynomial(u.algorithm)
	wrong := u.kind == fullObject && width == 0 || u.kind == composite && u.algorithm == "CRC64NVME" ||
		u.kind != fullObject && u.kind != composite
	if wrong {
		return fail("InvalidRequest", fmt.Sprintf("The %s checksum type cannot be used with the %s checksum algorithm.", u.kind, strings.ToLower(u.algorithm)))
	}
	return nil
}

// Upload is a multipart upload that is open.
type Upload struct {
	Bucket   string `json:"bucket"`
	Key      string `json:"key"`
	UploadID string `json:"uploadId"`
	// Parts is how many parts it has, Size their bytes.
	Parts int   `json:"parts"`
	Size  int64 `json:"size"`
}

// Uploads lists the open multipart uploads of all buckets by bucket, key and
// upload ID.
func (s *Server) Uploads() []Upload {
	s.mu.RLock()
	buckets := slices.Collect(maps.Values(s.buckets))
	s.mu.RUnlock()
	open := []Upload{}
	for _, b := range buckets {
		b.mu.RLock()
		uploads := slices.Collect(maps.Values(b.uploads))
		b.mu.RUnlock()
		for _, u := range uploads {
			u.mu.Lock()
			o := Upload{Bucket: b.name, Key: u.key, UploadID: u.id, Parts: len(u.parts)}
			for _, p := range u.parts {
				o.Size += p.content.size()
			}
			over := u.over
			u.mu.Unlock()
			if !over {
				open = append(open, o)
			}
		}
	}
	slices.SortFunc(open, func(a, b Upload) int {
		return strings.Compare(a.Bucket+"\x00"+a.Key+"\x00"+a.UploadID, b.Bucket+"\x00"+b.Key+"\x00"+b.UploadID)
	})
	return open
}
