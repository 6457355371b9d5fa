package retrieve

import (
	"errors"
	"hash/maphash"
	"strconv"

	"s3bundler/internal/index"
)

// taken remembers where the objects of a run go, by hash: 64 bits tell them
// apart, and if ever they do not, an object is reported and not lost. It costs
// some 20 bytes an object, and belongs to one goroutine.
type taken struct {
	seed maphash.Seed
	by   map[uint64]uint64 // a hash of the object that goes there
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
	at, object := maphash.String(t.seed, place), maphash.String(t.seed, row.Checksum+" "+row.CRC64NVME+" "+strconv.FormatInt(row.Size, 10))
	switch by, ok := t.by[at]; {
	case !ok:
		t.by[at] = object
		return nil
	case by == object && row.Checksum != "":
		return errTwice
	}
	return errDuplicate
}
