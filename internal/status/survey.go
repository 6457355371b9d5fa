package status

import (
	"context"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// DefaultReaders is how many requests are under way at once.
const DefaultReaders = 64

// Store is what a survey reads from.
type Store interface {
	store.Reader
	store.Lister
}

// Options say what to survey.
type Options struct {
	// Manifests is the prefix of the manifests, Archives that of the archives;
	// each with its bucket.
	Manifests, Archives object.Location
	// Fields are the columns of the manifests.
	Fields manifest.Fields
	// Readers is how many requests may be under way at once; 0 means
	// DefaultReaders.
	Readers int
	// Exact has every manifest read to count its rows. Otherwise the starts of
	// some are read, and the rest is estimated by size.
	Exact bool
}

// Survey looks at manifests and archives. What it has learnt of an index, a
// dead-letter index or a manifest it keeps for as long as that has the same
// ETag, so that to look again costs the listings and what is new. It belongs
// to one goroutine.
type Survey struct {
	st      Store
	opt     Options
	place   layout.Place
	heads   map[object.Object]object.Attributes
	letters map[object.Object]letters
	samples map[object.Object]sample
}

// New returns a Survey on st.
func New(st Store, opt Options) *Survey {
	if opt.Readers <= 0 {
		opt.Readers = DefaultReaders
	}
	opt.Archives.Key = folder(opt.Archives.Key)
	if k := opt.Manifests.Key; k != "" && !strings.HasSuffix(k, "/") {
		opt.Manifests.Key += "/"
	}
	return &Survey{
		st: st, opt: opt, place: layout.In(opt.Archives.Bucket, opt.Archives.Key),
		heads: map[object.Object]object.Attributes{}, letters: map[object.Object]letters{}, samples: map[object.Object]sample{},
	}
}

// folder gives a prefix of archives the one slash at its end that
// layout.In gives it.
func folder(prefix string) string {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return prefix
}

// Manifest is one manifest and what became of it.
type Manifest struct {
	object.Object
	// Archived says that archive, index and dead letters of this very content
	// are all there and belong together: a worker would pass it over.
	Archived bool
	// Why says what is missing where something is there; empty if there is no
	// index at all.
	Why string
	// Index is set if Archived.
	Index object.Object
	// Took is how long the archive was written; 0 if that is not known. S3
	// dates a multipart upload by its start, and an index comes at its end.
	Took time.Duration
	// ArchiveBytes is what the archive takes.
	ArchiveBytes int64
	// Rows is how many objects it lists, Bytes their size.
	Rows, Bytes int64
	// DeadLetters counts the objects left out, by reason.
	DeadLetters map[string]int64
}

// Found is what a survey has found.
type Found struct {
	// At is when the listings ended.
	At time.Time
	// Manifests are in S3's order.
	Manifests []Manifest
	// Estimated says that rows and bytes of some are not counted.
	Estimated bool
}

// Look lists both prefixes, asks for each index once, and reads the
// dead-letter indexes that belong to one, and the rows of manifests.
func (s *Survey) Look(ctx context.Context) (*Found, error) {
	f, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	return f, s.count(ctx, f)
}

// Failed are the manifests that are not archived, in S3's order.
func (s *Survey) Failed(ctx context.Context) ([]object.Location, error) {
	f, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	var failed []object.Location
	for _, m := range f.Manifests {
		if !m.Archived {
			failed = append(failed, m.Location())
		}
	}
	return failed, nil
}

// look is Look but for the rows.
func (s *Survey) look(ctx context.Context) (*Found, error) {
	l, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.head(ctx, l); err != nil {
		return nil, err
	}
	f := &Found{At: time.Now().UTC(), Manifests: make([]Manifest, len(l.manifests))}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(s.opt.Readers)
	read := make([]letters, len(l.manifests))
	for i, o := range l.manifests {
		m := &f.Manifests[i]
		m.Object = o
		e, needs := s.match(l, m)
		if !needs {
			continue
		}
		if known, ok := s.letters[e.letters]; ok {
			read[i] = known
			continue
		}
		read[i].of = e.letters
		g.Go(func() (err error) {
			read[i], err = s.readLetters(gctx, e.letters)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, ended(ctx, err)
	}
	for i := range f.Manifests {
		if read[i].of.Key != "" {
			s.letters[read[i].of] = read[i]
			s.bind(&f.Manifests[i], read[i])
		}
	}
	return f, nil
}

// ended gives the cause of ctx's end, if that is why err came about.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
