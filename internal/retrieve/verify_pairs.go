package retrieve

import (
	"context"
	"iter"
	"slices"
	"strings"

	"s3bundler/internal/layout"
	"s3bundler/internal/object"
)

// pairsSeen is a Store that watches its listings for indexes without archives,
// copies without metadata, and the other way round. Only names that the layout
// makes count, so that manifests do not. It belongs to one goroutine, and
// keeps little: what belongs together is listed together.
type pairsSeen struct {
	Store
	alone  map[string]object.Location // by stem: what was seen without its counterpart
	paired string                     // the last stem that was found whole
}

// List is the Store's.
func (p *pairsSeen) List(ctx context.Context, prefix object.Location) iter.Seq2[object.Object, error] {
	p.alone = map[string]object.Location{}
	return func(yield func(object.Object, error) bool) {
		for o, err := range p.Store.List(ctx, prefix) {
			if err == nil {
				p.see(o.Location())
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

func (p *pairsSeen) see(l object.Location) {
	stem := l.Key
	switch {
	case isCopy(l.Key):
		if of, ok := strings.CutSuffix(l.Key, metadataEnding); ok && p.alone[of].Key == of && of != "" {
			stem = of
		}
	case strings.HasSuffix(l.Key, indexEnding):
		stem = strings.TrimSuffix(l.Key, indexEnding)
	case strings.HasSuffix(l.Key, tarEnding), strings.HasSuffix(l.Key, gzipEnding):
		stem = strings.TrimSuffix(strings.TrimSuffix(l.Key, ".gz"), tarEnding)
	default:
		return
	}
	had, there := p.alone[stem]
	switch {
	case there && (isIndex(had.Key) != isIndex(l.Key) || isCopy(l.Key)):
		delete(p.alone, stem)
		p.paired = stem
	case stem == p.paired || there:
		// A second archive, with the other setting of compression.
	case isCopy(l.Key) || isResult(l.Bucket, stem):
		p.alone[stem] = l
	}
}

func isIndex(key string) bool { return strings.HasSuffix(key, indexEnding) }

// isResult reports whether stem is that of an archive: its folder is the hash
// of what it is called.
func isResult(bucket, stem string) bool {
	prefix, source, name, ok := splitResult(stem)
	return ok && layout.In(bucket, prefix).Index(source, name).Key == stem+indexEnding
}

// splitResult takes <prefix>/<hash>/<source>/<name> apart.
func splitResult(stem string) (prefix, source, name string, ok bool) {
	parts := strings.Split(stem, "/")
	n := len(parts)
	if n < 3 {
		return "", "", "", false
	}
	return strings.Join(parts[:n-3], "/"), parts[n-2], parts[n-1], true
}

// unpaired are findings about what was seen alone, in order.
func (p *pairsSeen) unpaired() []Finding {
	var fs []Finding
	for _, l := range p.alone {
		switch {
		case isCopy(l.Key) && strings.HasSuffix(l.Key, metadataEnding):
			fs = append(fs, of(Unreadable, l, "the copy that these metadata are of is not there"))
		case isCopy(l.Key):
			fs = append(fs, of(NoIndex, l, "a copy without metadata: its bundle was not finished"))
		case isIndex(l.Key):
			fs = append(fs, of(Unreadable, l, "its archive is not there"))
		default:
			fs = append(fs, of(NoIndex, l, "an archive without an index: its bundle is under way, or was not finished"))
		}
	}
	slices.SortFunc(fs, func(a, b Finding) int { return strings.Compare(a.Where.Key, b.Where.Key) })
	return fs
}
