package sandbox

import (
	"crypto/md5"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Planted is an object that is put into a bucket past the API, also as the
// API would not make it now: old, archived, without a checksum, with any
// ETag. It sends no event.
type Planted struct {
	// Body is the content, unless Generated is set. It must not change
	// afterwards.
	Body      []byte     `json:"body,omitzero"`
	Generated *Generated `json:"generated,omitzero"`
	// ETag is without quotes. Empty means the content's MD5, or with PartSize
	// that of a multipart upload with parts of so many bytes. To calculate it
	// the content is read once.
	ETag     string `json:"etag,omitzero"`
	PartSize int64  `json:"partSize,omitzero"`
	// Checksum is the algorithm of the full-object checksum: empty means
	// CRC64NVME, "none" leaves it out, as S3 did before it calculated its
	// own.
	Checksum string `json:"checksum,omitzero"`
	// Modified is when it was stored; zero means now.
	Modified     time.Time         `json:"modified,omitzero"`
	StorageClass string            `json:"storageClass,omitzero"`
	Headers      map[string]string `json:"headers,omitzero"`
	Metadata     map[string]string `json:"metadata,omitzero"`
	Tags         map[string]string `json:"tags,omitzero"`
	// KMS says that a KMS key encrypts it: its ETag is no MD5.
	KMS bool `json:"kms,omitzero"`
}

// Plant stores an object and returns its ETag and version ID ("null" in a
// bucket without versions).
func (s *Server) Plant(bucket, key string, p Planted) (etag, versionID string, err error) {
	b, err := s.bucket(bucket)
	if err != nil {
		return "", "", err
	}
	if key == "" || len(key) > maxKey || !utf8.ValidString(key) {
		return "", "", errArgument("The key must be 1 to 1024 bytes of UTF-8", "key", key)
	}
	v, err := p.version(s.now())
	if err != nil {
		return "", "", err
	}
	if m, ok := v.content.(memory); ok && b.disk != nil {
		if v.content, err = stage(b.disk.tmp, m); err != nil {
			return "", "", err
		}
	}
	if b.discard {
		v.content = discarded(v.Size)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.add(key, v); err != nil {
		return "", "", err
	}
	return v.ETag, v.ID, nil
}

// Delete removes the current version of an object past the API, as
// DeleteObject would: a versioned bucket gets a delete marker.
func (s *Server) Delete(bucket, key string) error {
	b, err := s.bucket(bucket)
	if err != nil {
		return err
	}
	_, err = s.delete(b, key, "", "")
	return err
}

func (p Planted) version(now time.Time) (*version, error) {
	var c content = memory(p.Body)
	if p.Generated != nil {
		c = *p.Generated
	}
	v := &version{Size: c.size(), ETag: p.ETag, Modified: now, Class: p.StorageClass, content: c}
	if !p.Modified.IsZero() {
		v.Modified = p.Modified.UTC().Truncate(time.Second)
	}
	if v.Class == "STANDARD" {
		v.Class = ""
	}
	if p.KMS {
		v.Encryption = "aws:kms"
	}
	headers := maps.Clone(p.Headers)
	if headers["Content-Type"] == "" {
		if headers == nil {
			headers = map[string]string{}
		}
		headers["Content-Type"] = "binary/octet-stream"
	}
	v.Headers, v.Tags = sortedFields(headers), sortedFields(p.Tags)
	for _, f := range sortedFields(p.Metadata) {
		v.Metadata = append(v.Metadata, field{strings.ToLower(f.Name), f.Value})
	}
	return v, p.sum(v)
}

func sortedFields(m map[string]string) []field {
	var f []field
	for _, name := range slices.Sorted(maps.Keys(m)) {
		f = append(f, field{name, m[name]})
	}
	return f
}

// sum sets ETag and checksum as far as they are not given.
func (p Planted) sum(v *version) error {
	algorithm := p.Checksum
	switch {
	case algorithm == "":
		algorithm = "CRC64NVME"
	case algorithm == "none":
		algorithm = ""
	case newHash(algorithm) == nil:
		return errArgument("Unknown checksum algorithm", "checksum", algorithm)
	}
	if algorithm != "" {
		h := newHash(algorithm)
		if err := writeAll(h, v.content); err != nil {
			return err
		}
		v.Checksum = checksum{algorithm, encodeSum(h.Sum(nil)), fullObject}
	}
	if v.ETag != "" {
		return nil
	}
	if p.PartSize == 0 {
		h := md5.New()
		if err := writeAll(h, v.content); err != nil {
			return err
		}
		v.ETag = putETag(received{md5: h.Sum(nil)}, v.Encryption)
		return nil
	}
	var parts []*part
	for off := int64(0); off < v.Size || off == 0; off += p.PartSize {
		h := md5.New()
		if err := writeAll(h, sectionOf(v.content, off, min(p.PartSize, v.Size-off))); err != nil {
			return err
		}
		parts = append(parts, &part{md5: h.Sum(nil)})
	}
	v.ETag = etagOf(parts)
	return nil
}

// replace puts another object of the same size in the place of the current
// one. That there is none changes nothing.
func (s *Server) replace(bucket, key string) {
	b, err := s.bucket(bucket)
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.latest(key)
	if old == nil || old.Marker {
		return
	}
	changed := *old
	seed := fnv(old.ETag, key)
	changed.ETag = hexWord(mix(seed)) + hexWord(mix(seed+1))
	changed.content = Generated{Size: old.Size, Seed: seed}
	// The sums are those of the new content, as if it had been uploaded.
	if old.Size <= 64<<20 {
		h := md5.New()
		if writeAll(h, changed.content) == nil {
			changed.ETag = hex.EncodeToString(h.Sum(nil))
		}
	}
	changed.Modified = s.now()
	changed.Checksum = checksum{}
	// A disk that fails keeps the old object, which a test will notice.
	_ = b.add(key, &changed)
}
