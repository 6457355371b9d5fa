package bundler

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// The defaults of Options, which the command line shows.
const (
	DefaultMaxSize  = 2 * object.GiB
	DefaultMemory   = 128 * object.MiB
	DefaultInFlight = 256
)

// LevelNotice is the level of what is logged of each manifest by default: its
// start and its end.
const LevelNotice = slog.LevelInfo + 2

// Options are what the bundles of one process have in common.
type Options struct {
	// Archive is where archives, indexes and copies go.
	Archive layout.Place
	// Fields are the columns of the manifests.
	Fields manifest.Fields
	// MaxSize is in bytes; larger objects are copied.
	MaxSize object.ByteSize
	// Compress writes gzip blocks.
	Compress bool
	// Memory is what objects and parts of archives may take, in bytes, in all
	// bundles together. The process needs some more.
	Memory object.ByteSize
	// InFlight is how many GETs may be under way at once, in all bundles
	// together.
	InFlight int
	// Workers is how many bundles run at once; fewer do if Memory holds the
	// parts of fewer archives.
	Workers int
}

// Bundler makes bundles. It is safe for concurrent use by up to
// Options.Workers callers of Bundle.
type Bundler struct {
	st    store.Store
	opt   Options
	log   *slog.Logger
	fetch fetch.Options
	part  int // size of the archives' parts
	ahead int // parts on their way besides the one that is filled

	records int // bytes that the lines of an index may take, compressed
	outbox  outbox

	// Progress counts what is done. It may be read at any time.
	Progress Progress
}

// New returns a Bundler on st. Zero fields of opt that have a default take it.
func New(st store.Store, opt Options, log *slog.Logger) *Bundler {
	if opt.Memory == 0 {
		opt.Memory = DefaultMemory
	}
	if opt.InFlight == 0 {
		opt.InFlight = DefaultInFlight
	}
	opt.Workers = atOnce(opt, log)
	b := &Bundler{st: st, opt: opt, log: log}
	// Half of the memory holds objects, half the parts of archives, or more of
	// it if there are many.
	inParts := max(int64(opt.Memory)/2, int64(opt.Workers)*leastParts)
	b.fetch = fetch.Options{
		Budget:  fetch.NewBudget(int64(opt.Memory) - inParts),
		Limiter: fetch.NewLimiter(opt.InFlight),
		Stats:   &b.Progress.Fetch,
	}
	b.part, b.ahead = parts(inParts / int64(opt.Workers))
	b.records = int(opt.Memory) / 16 / opt.Workers
	return b
}

// leastParts is the least memory for the parts of one archive: one that is
// filled while one is sent, and some for those of the archives that have to
// keep a third, to take a large object back.
const leastParts = 12 << 20

// atOnce is how many bundles run at once. The memory for objects must hold a
// chunk.
func atOnce(opt Options, log *slog.Logger) int {
	most := max(1, int((int64(opt.Memory)-fetch.Chunk)/leastParts))
	if opt.Workers > most {
		need := object.ByteSize(opt.Workers*leastParts + fetch.Chunk)
		log.Log(context.Background(), LevelNotice, fmt.Sprintf(
			"%d manifests are worked on at once, for which there is memory, and not %d; --memory %s is enough for them", most, opt.Workers, need))
	}
	return max(1, min(opt.Workers, most))
}

// parts divides memory for one archive into part buffers: large parts make
// few requests, several of them keep the network busy.
func parts(memory int64) (size, ahead int) {
	const largest, smallest = 16 << 20, 5 << 20
	size = int(min(largest, max(smallest, memory/4)))
	ahead = min(int(memory)/size-1, 2*runtime.GOMAXPROCS(0))
	return size, max(ahead, 1)
}

// Limit is the number of GETs that may be in flight now.
func (b *Bundler) Limit() int { return b.fetch.Limiter.Limit() }

// Result is what became of a manifest.
type Result struct {
	Manifest object.Location
	// Done says that the manifest was bundled before, and nothing was done.
	Done bool
	// Archive and Index are where they were stored.
	Archive, Index object.Location
	// Objects and Bytes are in the archive; Copied and CopiedBytes are big
	// objects.
	Objects, Bytes      int64
	Copied, CopiedBytes int64
	// ArchiveBytes is the size of the archive object.
	ArchiveBytes int64
	DeadLetters  map[fault.Reason]int64
	Elapsed      time.Duration
}

// Letters is the number of dead letters of all reasons.
func (r *Result) Letters() (n int64) {
	for _, k := range r.DeadLetters {
		n += k
	}
	return n
}
