package retrieve

import (
	"errors"
	"hash/maphash"
	"strconv"

	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// taken remembers where the objects of a run go, by hash: 64 bits tell them
// apart, and if ever they do not, an object is reported and not lost. It costs
// some 20 bytes an object, and belongs to one goroutine.
type taken struct {
	seed maphash.Seed
	by   map[uint64]uint64 // a hash of the object that goes there
	// content says that only content goes there: nothing else tells two objects
	// apart.
	content bool
}

func newTaken() taken { return taken{seed: maphash.MakeSeed(), by: map[uint64]uint64{}} }

var (
	errDuplicate = errors.New("another object of this run goes there: name the archives in the order in which they count, or choose with --from, --version-id or --source-bucket")
	// errTwice says that the same object goes there, as several archives may
	// hold it.
	errTwice = errors.New("it was restored already")
)

func (t *taken) has(place string) bool {
	_, ok := t.by[maphash.String(t.seed, place)]
	return ok
}

// take marks a place for an object, or says that it is taken.
func (t *taken) take(place string, row *index.Row) error {
	at, object := maphash.String(t.seed, place), t.hash(row)
	switch by, ok := t.by[at]; {
	case !ok:
		t.by[at] = object
		return nil
	case by == object && row.Checksum != "":
		return errTwice
	}
	return errDuplicate
}

// hash is that of all that is restored of an object, but for its storage class:
// rules that move an object make it no other.
func (t *taken) hash(row *index.Row) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	add := func(words ...string) {
		for _, w := range words {
			h.WriteString(w)
			h.WriteByte(0) // which no word has
		}
	}
	add(row.Checksum, row.CRC64NVME, strconv.FormatInt(row.Size, 10))
	if t.content {
		return h.Sum64()
	}
	for _, pairs := range [][]object.Pair{row.Metadata, row.Headers} {
		for _, p := range pairs {
			if p.Name != index.StorageClassHeader {
				add(p.Name, p.Value)
			}
		}
		add("")
	}
	for _, tag := range row.Tags {
		add(tag.Key, tag.Value)
	}
	return h.Sum64()
}
