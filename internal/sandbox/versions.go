package sandbox

import (
	"net/http"
	"sort"
	"strings"
)

// listObjectVersions lists versions and delete markers, the newest of a key
// first.
func (s *Server) listObjectVersions(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	l, err := q.listing("max-keys")
	if err != nil {
		return err
	}
	keyMarker, idMarker := q.query.Get("key-marker"), q.query.Get("version-id-marker")
	if idMarker != "" && keyMarker == "" {
		return errArgument("A version-id marker cannot be specified without a key marker.", "version-id-marker", idMarker)
	}
	page, more := l.versions(b, keyMarker, idMarker)
	d := newXML("ListVersionsResult")
	d.text("Name", b.name)
	d.text("Prefix", l.name(l.prefix))
	d.text("KeyMarker", l.name(keyMarker))
	d.text("VersionIdMarker", idMarker)
	if more && len(page) > 0 {
		last := page[len(page)-1]
		d.text("NextKeyMarker", l.name(last.key))
		if last.version != nil {
			d.text("NextVersionIdMarker", last.version.ID)
		}
	}
	d.number("MaxKeys", int64(l.max))
	d.optional("Delimiter", l.name(l.delimiter))
	if l.encode {
		d.text("EncodingType", "url")
	}
	d.boolean("IsTruncated", more)
	for _, e := range page {
		if e.version != nil {
			d.version(l.name(e.key), e)
		}
	}
	for _, e := range page {
		if e.version == nil {
			d.begin("CommonPrefixes")
			d.text("Prefix", l.name(e.key))
			d.end()
		}
	}
	q.writeXML(http.StatusOK, d)
	return nil
}

// listedVersion is a version with the key it is of, or a common prefix.
type listedVersion struct {
	listed
	latest bool
}

// versions gives one page of versions after the markers.
func (l listing) versions(b *bucket, keyMarker, idMarker string) (page []listedVersion, more bool) {
	keys := b.sortedKeys()
	l.after = keyMarker
	if idMarker != "" {
		// The marker's key has versions left.
		l.after = ""
		keys = keys[sort.SearchStrings(keys, keyMarker):]
	}
	take := func(v listedVersion) bool {
		if len(page) == l.max {
			more = l.max > 0
			return false
		}
		page = append(page, v)
		return true
	}
	l.walk(keys, func(key string) bool {
		b.mu.RLock()
		e := b.objects[key]
		b.mu.RUnlock()
		if e == nil {
			return true
		}
		skip := key == keyMarker && idMarker != ""
		for i, v := range e.versions {
			if skip {
				skip = v.ID != idMarker
				continue
			}
			if !take(listedVersion{listed{key, v}, i == 0}) {
				return false
			}
		}
		return true
	}, func(common string) bool {
		if idMarker != "" && strings.HasPrefix(keyMarker, common) {
			return true
		}
		return take(listedVersion{listed{common, nil}, false})
	})
	return page, more
}

func (d *xmlDoc) version(name string, e listedVersion) {
	v := e.version
	if v.Marker {
		d.begin("DeleteMarker")
	} else {
		d.begin("Version")
	}
	d.text("Key", name)
	d.text("VersionId", v.ID)
	d.boolean("IsLatest", e.latest)
	d.time("LastModified", v.Modified)
	if !v.Marker {
		d.etag(v.ETag)
		d.number("Size", v.Size)
		d.storageClass(v)
	}
	d.owner()
	d.end()
}
