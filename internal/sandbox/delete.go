package sandbox

import (
	"encoding/xml"
	"net/http"
	"strings"
)

// deletion is what became of one key.
type deletion struct {
	// marker says that a delete marker was made or removed; id is the
	// version's that was made or removed.
	marker bool
	id     string
}

// delete removes the version id of key, or what is current. etag is a
// condition, or empty.
func (s *Server) delete(b *bucket, key, id, etag string) (deletion, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if etag != "" {
		v, err := b.find(key, id)
		if err != nil {
			return deletion{}, err
		}
		if v.Marker || !matchesETag(etag, v.ETag) {
			return deletion{}, errPrecondition("If-Match")
		}
	}
	if id != "" {
		v, err := b.find(key, id)
		if err != nil {
			if strings.HasPrefix(err.Error(), "NoSuchVersion") {
				return deletion{id: id}, nil // gone is gone
			}
			return deletion{}, err
		}
		return deletion{v.Marker, id}, b.remove(key, v)
	}
	if b.versioned() == "" {
		v := b.latest(key)
		if v == nil {
			return deletion{}, nil
		}
		return deletion{}, b.remove(key, v)
	}
	marker := &version{Marker: true, Modified: s.now(), content: memory(nil)}
	if err := b.add(key, marker); err != nil {
		return deletion{}, err
	}
	return deletion{true, marker.ID}, nil
}

func (s *Server) deleteObject(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	done, err := s.delete(b, q.key, q.query.Get("versionId"), q.r.Header.Get("If-Match"))
	if err != nil {
		return err
	}
	if done.id != "" {
		q.w.Header().Set("X-Amz-Version-Id", done.id)
	}
	if done.marker {
		q.w.Header().Set("X-Amz-Delete-Marker", "true")
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) deleteObjects(q *request) error {
	var ask struct {
		XMLName xml.Name `xml:"Delete"`
		Quiet   bool     `xml:"Quiet"`
		Objects []struct {
			Key       string `xml:"Key"`
			VersionID string `xml:"VersionId"`
			ETag      string `xml:"ETag"`
		} `xml:"Object"`
	}
	given, inTrailer, err := givenChecksum(q.r.Header)
	if err != nil {
		return err
	}
	if given.Algorithm == "" && !inTrailer && q.r.Header.Get("Content-Md5") == "" {
		return fail("InvalidRequest", "Missing required header for this request: Content-MD5")
	}
	if err := q.readXML(&ask); err != nil {
		return err
	}
	if len(ask.Objects) == 0 || len(ask.Objects) > 1000 {
		return errMalformedXML()
	}
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	d := newXML("DeleteResult")
	for _, o := range ask.Objects {
		done, err := s.delete(b, o.Key, o.VersionID, o.ETag)
		switch {
		case err != nil:
			e := asAPIError(err)
			d.begin("Error")
			d.text("Key", o.Key)
			d.optional("VersionId", o.VersionID)
			d.text("Code", e.code)
			d.text("Message", e.message)
			d.end()
		case !ask.Quiet:
			d.begin("Deleted")
			d.text("Key", o.Key)
			d.optional("VersionId", o.VersionID)
			if done.marker {
				d.boolean("DeleteMarker", true)
				d.text("DeleteMarkerVersionId", done.id)
			}
			d.end()
		}
	}
	q.writeXML(http.StatusOK, d)
	return nil
}
