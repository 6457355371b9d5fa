package status

import (
	"strings"

	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
)

// expected is the dead-letter index that an index asks for.
type expected struct{ letters object.Object }

// match finds the index of m and what it promises. needs says that the
// dead-letter index must be read.
//
// What makes a manifest archived is what makes a worker pass it over. An index
// of the original program tells nothing about its manifest: it counts if it is
// younger.
func (s *Survey) match(l *listing, m *Manifest) (e expected, needs bool) {
	dlq, hasLetters := l.letters[lettersOf(m.Object)]
	for _, index := range l.indexes[manifest.Name(m.Key)] {
		a, known := s.heads[index]
		if !known {
			continue
		}
		of, tells := metadata(a, layout.ManifestETag)
		switch {
		case tells && of != m.ETag, !tells && index.LastModified.Before(m.LastModified):
			m.Why = "its index is of an earlier content"
			continue
		}
		archive, ok := archiveOf(l.archives[index.Key], a)
		if !ok {
			m.Why = "its archive is missing or was replaced"
			continue
		}
		sum, promised := metadata(a, layout.DeadLetterSum)
		promised = promised && sum != ""
		if promised && !hasLetters {
			m.Why = "its dead-letter index is missing"
			continue
		}
		m.Archived, m.Why, m.Index = true, "", index
		m.ArchiveBytes = archive.Size
		if strings.Contains(archive.ETag, "-") {
			m.Took = max(0, index.LastModified.Sub(archive.LastModified))
		}
		return expected{letters: dlq}, hasLetters && (promised || !tells)
	}
	return expected{}, false
}

// archiveOf picks the archive that an index with attributes a is of.
func archiveOf(archives []object.Object, a object.Attributes) (object.Object, bool) {
	etag, tells := metadata(a, layout.ArchiveETag)
	for _, o := range archives {
		if !tells || o.ETag == etag {
			return o, true
		}
	}
	return object.Object{}, false
}

// bind gives m the dead letters that were read, if they are those that its
// index promises.
func (s *Survey) bind(m *Manifest, l letters) {
	if sum, promised := metadata(s.heads[m.Index], layout.DeadLetterSum); promised && sum != l.sum {
		m.Archived, m.Index = false, object.Object{}
		m.Took, m.ArchiveBytes = 0, 0
		m.Why = "its dead-letter index is of another run"
		return
	}
	m.DeadLetters = l.reasons
}

func metadata(a object.Attributes, name string) (value string, ok bool) {
	for _, p := range a.Metadata {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}
