package sandbox

import (
	"encoding/xml"
	"net/http"
	"slices"
)

// inventoryBody is as much of an inventory configuration as is looked at. See
// "PutBucketInventoryConfiguration" in the S3 API Reference.
type inventoryBody struct {
	XMLName     xml.Name `xml:"InventoryConfiguration"`
	ID          string   `xml:"Id"`
	IsEnabled   *bool    `xml:"IsEnabled"`
	Versions    string   `xml:"IncludedObjectVersions"`
	Frequency   string   `xml:"Schedule>Frequency"`
	Destination struct {
		Bucket string `xml:"Bucket"`
		Format string `xml:"Format"`
	} `xml:"Destination>S3BucketDestination"`
}

func (i inventoryBody) valid() bool {
	return i.ID != "" && i.IsEnabled != nil && i.Destination.Bucket != "" &&
		slices.Contains([]string{"All", "Current"}, i.Versions) && slices.Contains([]string{"Daily", "Weekly"}, i.Frequency) && slices.Contains([]string{"CSV", "ORC", "Parquet"}, i.Destination.Format)
}

// putInventory keeps a configuration. No inventory is ever made of it.
func (s *Server) putInventory(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	body, err := q.readAll(maxXML)
	if err != nil {
		return err
	}
	var config inventoryBody
	if err := parseXML(body, &config); err != nil {
		return err
	}
	if !config.valid() || config.ID != q.query.Get("id") {
		return errMalformedXML()
	}
	return q.changeInventories(b, http.StatusOK, func() { b.inventories[config.ID] = body })
}

func (s *Server) deleteInventory(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	if _, err := b.inventory(q.query.Get("id")); err != nil {
		return err
	}
	return q.changeInventories(b, http.StatusNoContent, func() { delete(b.inventories, q.query.Get("id")) })
}

func (q *request) changeInventories(b *bucket, status int, change func()) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	if err := b.save(); err != nil {
		return err
	}
	q.w.WriteHeader(status)
	return nil
}

func (b *bucket) inventory(id string) ([]byte, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if body, ok := b.inventories[id]; ok {
		return body, nil
	}
	return nil, fail("NoSuchConfiguration", "The specified configuration does not exist.")
}

func (s *Server) getInventory(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	body, err := b.inventory(q.query.Get("id"))
	if err != nil {
		return err
	}
	q.writeXMLBytes(http.StatusOK, body)
	return nil
}
