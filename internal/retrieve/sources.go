package retrieve

import (
	"context"
	"iter"
	"strings"

	"s3bundler/internal/fault"
	"s3bundler/internal/layout"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// Sources yields the sources that places name, in S3's order: each an index,
// an archive, a copy or a copy's metadata, or, where the key is empty or has
// none of their endings, all of them below a prefix. A place with nothing is
// an error.
func Sources(ctx context.Context, st Store, places []object.Location) iter.Seq2[Source, error] {
	return func(yield func(Source, error) bool) {
		for _, l := range places {
			if !isPrefix(l) {
				if s, err := single(ctx, st, l); !yield(s, err) || err != nil {
					return
				}
				continue
			}
			found := false
			for s, err := range below(ctx, st, l) {
				found = true
				if !yield(s, err) || err != nil {
					return
				}
			}
			if !found {
				yield(Source{}, fault.New(fault.Download, "list archives below", l.String(), nil,
					"there is no archive with an index: check bucket and prefix"))
				return
			}
		}
	}
}

// isPrefix tells a prefix from an object by the name.
func isPrefix(l object.Location) bool {
	if l.Key == "" || strings.HasSuffix(l.Key, "/") {
		return !isCopy(l.Key)
	}
	if isCopy(l.Key) {
		return false
	}
	for _, ending := range []string{indexEnding, tarEnding, gzipEnding} {
		if strings.HasSuffix(l.Key, ending) {
			return false
		}
	}
	return true
}

// isCopy reports whether a copy or its metadata lie at key, that is in
// <hash>/<source bucket>/bigobjects/.
func isCopy(key string) bool {
	const hashDigits = 6
	parts := strings.Split(key, "/")
	for i := 2; i < len(parts)-1; i++ {
		if parts[i] == bigObjects && parts[i-1] != "" && len(parts[i-2]) == hashDigits && strings.Trim(parts[i-2], "0123456789abcdef") == "" {
			return strings.Join(parts[i+1:], "/") != ""
		}
	}
	return false
}

// single is the source that one object belongs to.
func single(ctx context.Context, st store.Reader, l object.Location) (Source, error) {
	if isCopy(l.Key) {
		return copyAt(ctx, st, l)
	}
	if strings.HasSuffix(l.Key, indexEnding) {
		return Source{Index: object.At(l)}, nil
	}
	s := Source{Data: []object.Object{object.At(l)}}
	stem := strings.TrimSuffix(strings.TrimSuffix(l.Key, ".gz"), tarEnding)
	beside := object.Location{Bucket: l.Bucket, Key: stem + indexEnding}
	there, err := exists(ctx, st, beside)
	if there {
		s.Index = object.At(beside)
	}
	return s, err
}

// copyAt is the copy of a big object that lies at l, or whose metadata do. The
// name does not tell: an object may have been called x.metadata itself.
func copyAt(ctx context.Context, st store.Reader, l object.Location) (Source, error) {
	if stem, ok := strings.CutSuffix(l.Key, metadataEnding); ok {
		of := object.Location{Bucket: l.Bucket, Key: stem}
		if there, err := exists(ctx, st, of); there || err != nil {
			return Source{Index: object.At(l), Data: []object.Object{object.At(of)}, Copy: true}, err
		}
	}
	return Source{Index: object.At(layout.BigObjectMetadata(l)), Data: []object.Object{object.At(l)}, Copy: true}, nil
}

func exists(ctx context.Context, st store.Reader, l object.Location) (bool, error) {
	_, err := st.Head(ctx, object.At(l))
	if fault.ReasonOf(err) == fault.NoSuchKey {
		return false, nil
	}
	return err == nil, fault.As(fault.Download, err)
}

// below finds the sources below a prefix by one listing. Manifests have names
// like those of indexes; what tells them apart is the archive beside.
func below(ctx context.Context, st store.Lister, prefix object.Location) iter.Seq2[Source, error] {
	if prefix.Key != "" && !strings.HasSuffix(prefix.Key, "/") {
		prefix.Key += "/"
	}
	return func(yield func(Source, error) bool) {
		var p pairing
		for o, err := range st.List(ctx, prefix) {
			if err != nil {
				yield(Source{}, fault.As(fault.Download, err))
				return
			}
			for _, s := range p.next(o) {
				if !yield(s, nil) {
					return
				}
			}
		}
		for _, s := range p.leave("") {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// pairing finds what belongs together in a sorted listing, of which it keeps
// only what the next key may still belong to.
type pairing struct {
	indexes []Source        // waiting for their archives: x.index < x.tar < x.tar.gz
	objects []object.Object // whose keys the last key begins with: x < x.metadata
}

// next takes the next object and returns the sources that are complete.
func (p *pairing) next(o object.Object) []Source {
	done := p.leave(o.Key)
	switch {
	case isCopy(o.Key):
		for len(p.objects) > 0 && !strings.HasPrefix(o.Key, p.objects[len(p.objects)-1].Key) {
			p.objects = p.objects[:len(p.objects)-1]
		}
		if stem, ok := strings.CutSuffix(o.Key, metadataEnding); ok {
			for _, c := range p.objects {
				if c.Key == stem {
					done = append(done, Source{Index: o, Data: []object.Object{c}, Copy: true})
				}
			}
		}
		p.objects = append(p.objects, o)
	case strings.HasSuffix(o.Key, indexEnding):
		p.indexes = append(p.indexes, Source{Index: o})
	case strings.HasSuffix(o.Key, tarEnding), strings.HasSuffix(o.Key, gzipEnding):
		stem := strings.TrimSuffix(strings.TrimSuffix(o.Key, ".gz"), tarEnding)
		for i := range p.indexes {
			if p.indexes[i].Index.Key == stem+indexEnding {
				p.indexes[i].Data = append(p.indexes[i].Data, o)
			}
		}
	}
	return done
}

// leave returns the sources to which key, and all after it, cannot belong.
func (p *pairing) leave(key string) (done []Source) {
	kept := p.indexes[:0]
	for _, s := range p.indexes {
		stem := strings.TrimSuffix(s.Index.Key, indexEnding)
		switch {
		case key != "" && strings.HasPrefix(key, stem+"."):
			kept = append(kept, s)
		case s.Data != nil:
			done = append(done, s)
		}
	}
	p.indexes = kept
	return done
}
