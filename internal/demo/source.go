package main

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"s3bundler/internal/sandbox"
)

// planted is an object of the source bucket.
type planted struct {
	key      string
	seed     uint64
	size     int
	sum      [sha256.Size]byte // of the content
	etag     string
	modified time.Time
	class    string
}

// What is deleted and what goes to GLACIER after the inventory was taken.
const (
	deletedKey = "special/deleted-after-inventory"
	frozenKey  = "special/frozen-after-inventory"
)

// content makes it anew: lines such as logs have.
func (p planted) content() []byte {
	rng := rand.New(rand.NewPCG(p.seed, 1))
	b := make([]byte, 0, p.size+80)
	for len(b) < p.size {
		b = fmt.Appendf(b, "%08x GET /items/%d %d %dms\n", rng.Uint32(), rng.IntN(5000), 200+rng.IntN(5), rng.IntN(900))
	}
	return b[:p.size]
}

// holds reports whether content is the object's.
func (p planted) holds(content []byte) bool { return sha256.Sum256(content) == p.sum }

// fill plants the source bucket.
func (w *world) fill(ordinary int) error {
	rng := rand.New(rand.NewPCG(2026, 1))
	var bytes int64
	for i := range ordinary {
		if err := w.plant(fmt.Sprintf("logs/2026/%02d/%02d/app-%05d.log", 1+i%11, 1+i%28, i), rng.IntN(16<<10), sandbox.Planted{}); err != nil {
			return err
		}
	}
	for _, key := range []string{
		"odd/with space", "odd/plus+sign", "odd/comma,comma", "odd/100%", "odd/%2F", `odd/"quoted" 'twice'`, "odd/new\nline",
		"odd/grüße/日本/🗃", "odd/" + strings.Repeat("long", 249), "/leading", "odd//doubled", "odd/a", "odd/a/b", "odd/./dot", "odd/../up", `odd/back\slash`, "odd/folder/",
	} {
		if err := w.plant(key, 1000+rng.IntN(5000), sandbox.Planted{}); err != nil {
			return err
		}
	}
	for _, special := range []struct {
		key  string
		size int
		p    sandbox.Planted
	}{
		{"special/empty", 0, sandbox.Planted{}},
		{"special/multipart", 11 << 20, sandbox.Planted{PartSize: 5 << 20}},
		{"special/tagged", 300, sandbox.Planted{Tags: map[string]string{"team": "search", "cost;center": "a=b"}}},
		{"special/with-metadata", 300, sandbox.Planted{Metadata: map[string]string{"owner": "ada, grace", "unit": "50%"}}},
		{"special/with-headers.json", 300, sandbox.Planted{Headers: map[string]string{
			"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "Content-Disposition": `attachment; filename="x, y.json"`,
			"Content-Encoding": "identity", "Content-Language": "de, ja", "Expires": "Thu, 31 Dec 2026 23:59:59 GMT",
		}}},
		{"special/no-checksum", 3000, sandbox.Planted{Checksum: "none"}},
		{"special/larger-than-maxsize", int(maxSize) + 1, sandbox.Planted{
			Tags: map[string]string{"size": "big"}, Metadata: map[string]string{"kept": "yes"},
		}},
		{"special/glacier-instant-retrieval", 300, sandbox.Planted{StorageClass: "GLACIER_IR"}},
		{frozenKey, 300, sandbox.Planted{StorageClass: "GLACIER"}},
		{deletedKey, 300, sandbox.Planted{}},
	} {
		if err := w.plant(special.key, special.size, special.p); err != nil {
			return err
		}
	}
	for _, p := range w.objects {
		bytes += int64(p.size)
	}
	w.result(fmt.Sprintf("s3://%s: %s objects, %.1f MiB", sourceBucket, count(len(w.objects)), float64(bytes)/(1<<20)))
	w.result("among them keys with spaces, +, %, quotes and line ends, in other scripts, of")
	w.result("1,000 characters, with / first and doubled, a beside a/b; an empty, a")
	w.result("multipart and a tagged object, objects with metadata and headers, one larger")
	w.result("than s3bundler's maximum, one in GLACIER, and one that is deleted by now")
	return nil
}

func (w *world) plant(key string, size int, as sandbox.Planted) error {
	n := len(w.objects)
	p := planted{
		key: key, seed: uint64(n), size: size, class: as.StorageClass,
		modified: time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC),
	}
	as.Body, as.Modified = p.content(), p.modified
	p.sum = sha256.Sum256(as.Body)
	var err error
	if p.etag, _, err = w.server.Plant(sourceBucket, key, as); err != nil {
		return fmt.Errorf("plant %q: %w", key, err)
	}
	if p.class == "GLACIER" {
		// The inventory was taken before the object went to sleep.
		p.class = "STANDARD"
	}
	w.objects = append(w.objects, p)
	return nil
}
