package retrieve

import (
	"context"
	"iter"
	"strings"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// below finds the sources below a prefix by one listing, those among them of
// which only one half is there.
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
	archives []Source   // waiting for the rest of them: x.index < x.tar < x.tar.gz
	copies   []copySeen // whose keys the last key begins with: x < x.metadata
}

// copySeen is the copy of a big object, or the metadata of one.
type copySeen struct {
	object.Object
	paired bool // with its other half
}

// next takes the next object and returns the sources that are complete.
func (p *pairing) next(o object.Object) []Source {
	done := p.leave(o.Key)
	switch {
	case isCopy(o.Key):
		seen := copySeen{Object: o}
		if stem, ok := strings.CutSuffix(o.Key, metadataEnding); ok {
			for i := range p.copies {
				if c := &p.copies[i]; c.Key == stem {
					c.paired, seen.paired = true, true
					done = append(done, Source{Index: o, Data: []object.Object{c.Object}, Copy: true})
				}
			}
		}
		p.copies = append(p.copies, seen)
	case isIndex(o.Key):
		p.archives = append(p.archives, Source{Index: o})
	case isArchive(o.Key):
		for i := range p.archives {
			if s := &p.archives[i]; stemOf(s.Where().Key) == stemOf(o.Key) {
				s.Data = append(s.Data, o)
				return done
			}
		}
		p.archives = append(p.archives, Source{Data: []object.Object{o}})
	}
	return done
}

// leave returns the sources to which key, and all after it, cannot belong.
func (p *pairing) leave(key string) (done []Source) {
	kept := p.archives[:0]
	for _, s := range p.archives {
		stem := stemOf(s.Where().Key)
		switch s.half = s.Index.Key == "" || s.Data == nil; {
		case key != "" && strings.HasPrefix(key, stem+"."):
			kept = append(kept, s)
		case !s.half || isResult(stem): // else it is a manifest, or no archive of ours
			done = append(done, s)
		}
	}
	p.archives = kept
	for n := len(p.copies); n > 0 && !strings.HasPrefix(key, p.copies[n-1].Key); n = len(p.copies) {
		if c := p.copies[n-1]; !c.paired && !c.isFolder() && !isDoubtful(c.Key) {
			done = append(done, c.half())
		}
		p.copies = p.copies[:n-1]
	}
	return done
}

// isFolder reports whether it is no copy, but what consoles make to show a
// folder: a big object is not empty.
func (c *copySeen) isFolder() bool { return c.Size == 0 && strings.HasSuffix(c.Key, "/") }

// half is the source of a copy, or of metadata, without the other. The ending
// alone does not tell which: an object may have been called x.metadata itself.
func (c *copySeen) half() Source {
	if strings.HasSuffix(c.Key, metadataEnding) && !isNamedCopy(c.Key) {
		return Source{Index: c.Object, Copy: true, half: true}
	}
	return Source{Data: []object.Object{c.Object}, Copy: true, half: true}
}
