package sandbox

import (
	"encoding/xml"
	"net/http"
)

// tagging is the body of GetObjectTagging and PutObjectTagging.
type tagging struct {
	XMLName xml.Name `xml:"Tagging"`
	TagSet  *struct {
		Tags []struct {
			Key   string `xml:"Key"`
			Value string `xml:"Value"`
		} `xml:"Tag"`
	} `xml:"TagSet"`
}

func (t tagging) fields() ([]field, error) {
	if t.TagSet == nil {
		return nil, errMalformedXML()
	}
	var tags []field
	for _, tag := range t.TagSet.Tags {
		tags = append(tags, field{tag.Key, tag.Value})
	}
	sortFields(tags)
	return tags, checkTags(tags)
}

func (s *Server) getObjectTagging(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	v, _, err := q.openVersion(b, false)
	if err != nil {
		return err
	}
	if b.versioned() != "" {
		q.w.Header().Set("X-Amz-Version-Id", v.ID)
	}
	d := newXML("Tagging")
	d.begin("TagSet")
	for _, t := range v.Tags {
		d.begin("Tag")
		d.text("Key", t.Name)
		d.text("Value", t.Value)
		d.end()
	}
	q.writeXML(http.StatusOK, d)
	return nil
}

func (s *Server) putObjectTagging(q *request) error {
	var body tagging
	if err := q.readXML(&body); err != nil {
		return err
	}
	tags, err := body.fields()
	if err != nil {
		return err
	}
	return q.setTags(tags, http.StatusOK)
}

func (s *Server) deleteObjectTagging(q *request) error {
	return q.setTags(nil, http.StatusNoContent)
}

func (q *request) setTags(tags []field, status int) error {
	b, err := q.s.bucket(q.bucket)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	v, err := b.find(q.key, q.query.Get("versionId"))
	if err != nil {
		return err
	}
	changed := *v
	changed.Tags = tags
	if err := b.replaceVersion(q.key, v, &changed); err != nil {
		return err
	}
	if b.versioned() != "" {
		q.w.Header().Set("X-Amz-Version-Id", v.ID)
	}
	q.w.WriteHeader(status)
	return nil
}
