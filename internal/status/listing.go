package status

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"s3bundler/internal/fault"
	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
)

// listing is what lies below the two prefixes.
type listing struct {
	manifests []object.Object
	// letters are the dead-letter indexes.
	letters map[object.Location]object.Object
	// indexes are by the name of their manifest: manifests in several folders,
	// or for several source buckets, may share one.
	indexes map[string][]object.Object
	// archives are by what their keys have before the ending.
	archives map[string][]object.Object
}

func (s *Survey) list(ctx context.Context) (*listing, error) {
	l := &listing{
		letters: map[object.Location]object.Object{},
		indexes: map[string][]object.Object{}, archives: map[string][]object.Object{},
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { // owns manifests and letters
		for o, err := range s.st.List(gctx, s.opt.Manifests) {
			if err != nil {
				return fault.As(fault.Download, err)
			}
			switch {
			case s.place.Holds(o.Location()):
			case strings.HasSuffix(o.Key, ".index"):
				l.manifests = append(l.manifests, o)
			case strings.HasSuffix(o.Key, ".dlq"):
				l.letters[o.Location()] = o
			}
		}
		return nil
	})
	g.Go(func() error { // owns indexes and archives
		for o, err := range s.st.List(gctx, s.opt.Archives) {
			if err != nil {
				return fault.As(fault.Download, err)
			}
			s.sort(l, o)
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return nil, ended(ctx, err)
	}
	if len(l.manifests) == 0 {
		return nil, fault.New(fault.Download, "list manifests below", s.opt.Manifests.String(), nil,
			"there is no .index: check bucket and prefix, or run s3grouper first")
	}
	return l, nil
}

// sort keeps o if it is an index or an archive: what lies at
// <hash>/<source bucket>/<name>, and with the hash of just that.
func (s *Survey) sort(l *listing, o object.Object) {
	parts := strings.Split(strings.TrimPrefix(o.Key, s.opt.Archives.Key), "/")
	if len(parts) != 3 {
		return
	}
	for _, ending := range []string{".index", ".tar.gz", ".tar"} {
		name, ok := strings.CutSuffix(parts[2], ending)
		if !ok {
			continue
		}
		index := s.place.Index(parts[1], name)
		switch {
		case strings.TrimSuffix(index.Key, ".index")+ending != o.Key:
		case ending == ".index":
			l.indexes[name] = append(l.indexes[name], o)
		default:
			l.archives[index.Key] = append(l.archives[index.Key], o)
		}
		return
	}
}

// head asks for the attributes of the indexes that manifests may have.
func (s *Survey) head(ctx context.Context, l *listing) error {
	var wanted []object.Object
	asked := map[string]bool{}
	for _, m := range l.manifests {
		name := manifest.Name(m.Key)
		if asked[name] {
			continue
		}
		asked[name] = true
		for _, o := range l.indexes[name] {
			if _, ok := s.heads[o]; !ok {
				wanted = append(wanted, o)
			}
		}
	}
	got := make([]object.Attributes, len(wanted))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(s.opt.Readers)
	for i, o := range wanted {
		g.Go(func() error {
			a, err := s.st.Head(gctx, object.At(o.Location()))
			if fault.ReasonOf(err) == fault.NoSuchKey {
				return nil // gone since it was listed: it matches nothing
			}
			got[i] = a
			return fault.As(fault.Download, err)
		})
	}
	if err := g.Wait(); err != nil {
		return ended(ctx, err)
	}
	for i, o := range wanted {
		if got[i].ETag == o.ETag { // not replaced since
			s.heads[o] = got[i]
		}
	}
	return nil
}

func lettersOf(m object.Object) object.Location { return layout.DeadLetters(m.Location()) }
