package sandbox

import (
	"encoding/xml"
	"net/http"
	"sync/atomic"
	"time"
)

// restore is a request to make an archived object readable.
type restore struct {
	Expiry time.Time `json:"expiry"`
	// Heads is how many HEADs see it under way.
	Heads int64 `json:"heads,omitzero"`
	heads atomic.Int64
}

func (r *restore) ongoing() bool { return r.heads.Load() < r.Heads }

// header is x-amz-restore. A HEAD that sees the restore under way brings its
// end nearer.
func (r *restore) header(head bool) string {
	if r.ongoing() {
		if head {
			r.heads.Add(1)
		}
		return `ongoing-request="true"`
	}
	return `ongoing-request="false", expiry-date="` + httpTime(r.Expiry) + `"`
}

// archived reports whether v must be restored before it can be read.
func (v *version) archived(now time.Time) bool {
	if v.Class != "GLACIER" && v.Class != "DEEP_ARCHIVE" {
		return false
	}
	return v.Restore == nil || v.Restore.ongoing() || !now.Before(v.Restore.Expiry)
}

func (s *Server) restoreObject(q *request) error {
	var ask struct {
		XMLName xml.Name `xml:"RestoreRequest"`
		Days    int      `xml:"Days"`
		Tier    string   `xml:"Tier"`
		Job     struct {
			Tier string `xml:"Tier"`
		} `xml:"GlacierJobParameters"`
	}
	if err := q.readXML(&ask); err != nil {
		return err
	}
	if ask.Days < 1 {
		return errMalformedXML()
	}
	tier := ask.Tier
	if tier == "" {
		tier = ask.Job.Tier
	}
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	v, err := b.find(q.key, q.query.Get("versionId"))
	if err != nil {
		return err
	}
	switch {
	case v.Class != "GLACIER" && v.Class != "DEEP_ARCHIVE":
		class := v.Class
		if class == "" {
			class = "STANDARD"
		}
		return fail("InvalidObjectState", "Restore is not allowed for the object's current storage class", field{"StorageClass", class})
	case tier != "" && tier != "Standard" && tier != "Bulk" && (tier != "Expedited" || v.Class == "DEEP_ARCHIVE"):
		return errArgument("The retrieval tier is not valid for the object's storage class", "Tier", tier)
	case v.Restore != nil && v.Restore.ongoing():
		return fail("RestoreAlreadyInProgress", "Object restore is already in progress")
	}
	status := http.StatusAccepted
	// S3 lets a restored copy go at midnight UTC after its last day.
	expiry := s.now().AddDate(0, 0, ask.Days+1).Truncate(24 * time.Hour)
	asked := &restore{Expiry: expiry, Heads: int64(s.opt.RestoreHeads)}
	if !v.archived(s.now()) {
		status = http.StatusOK
		asked.Heads = 0
	}
	changed := *v
	changed.Restore = asked
	if err := b.replaceVersion(q.key, v, &changed); err != nil {
		return err
	}
	q.w.WriteHeader(status)
	return nil
}
