package sandbox

import (
	"encoding/xml"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// BucketOptions say what a bucket is. The zero value is ordinary.
type BucketOptions struct {
	// Region is where the bucket is. Requests signed for another are
	// redirected. Empty takes every region.
	Region string
	// Versioned keeps all versions.
	Versioned bool
	// Discard keeps sizes, ETags and checksums of what is stored, and not the
	// bytes. They cannot be read.
	Discard bool
	// Quick takes bodies that are uploaded on trust, for benchmarks in which
	// the server must not be what is slow: a payload's SHA-256 is not
	// compared, and ETags look like MD5s and are none.
	Quick bool
	// RequesterPays refuses requests that do not agree to pay
	// (x-amz-request-payer: requester).
	RequesterPays bool
}

// CreateBucket makes a bucket.
func (s *Server) CreateBucket(name string, opt BucketOptions) error {
	if !validBucketName(name) {
		return fail("InvalidBucketName", "The specified bucket is not valid.", field{"BucketName", name})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[name] != nil {
		return fail("BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.",
			field{"BucketName", name})
	}
	b := newBucket(name, s.now())
	b.region, b.discard, b.quick, b.requesterPays = opt.Region, opt.Discard, opt.Quick, opt.RequesterPays
	if opt.Versioned {
		b.versioning.Store("Enabled")
	}
	if s.disk != nil {
		b.disk = s.disk.bucket(name)
		if err := b.save(); err != nil {
			return err
		}
	}
	s.buckets[name] = b
	return nil
}

// save writes what is known of the bucket itself. Its lock is held, unless
// nobody else knows the bucket yet.
func (b *bucket) save() error {
	if b.disk == nil {
		return nil
	}
	return b.disk.save(savedBucket{b.region, b.created, b.discard, b.quick, b.requesterPays, b.versioned(), b.inventories})
}

// bucket finds a bucket.
func (s *Server) bucket(name string) (*bucket, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if b := s.buckets[name]; b != nil {
		return b, nil
	}
	return nil, errNoSuchBucket(name)
}

// validBucketName follows "Bucket naming rules" in the S3 User Guide, as far
// as characters go.
func validBucketName(name string) bool {
	if len(name) < 3 || len(name) > 63 || strings.Contains(name, "..") {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case (c == '-' || c == '.') && i > 0 && i < len(name)-1:
		default:
			return false
		}
	}
	return true
}

func (s *Server) createBucket(q *request) error {
	var config struct {
		XMLName            xml.Name `xml:"CreateBucketConfiguration"`
		LocationConstraint string   `xml:"LocationConstraint"`
	}
	if q.r.ContentLength != 0 {
		if err := q.readXML(&config); err != nil {
			return err
		}
	}
	if err := s.CreateBucket(q.bucket, BucketOptions{Region: config.LocationConstraint}); err != nil {
		return err
	}
	q.w.Header().Set("Location", "/"+q.bucket)
	q.w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Server) deleteBucket(q *request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[q.bucket]
	if b == nil {
		return errNoSuchBucket(q.bucket)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.objects) > 0 {
		return fail("BucketNotEmpty", "The bucket you tried to delete is not empty", field{"BucketName", q.bucket})
	}
	if b.disk != nil {
		if err := b.disk.remove(); err != nil {
			return err
		}
	}
	delete(s.buckets, q.bucket)
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) headBucket(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	region := b.region
	if region == "" {
		region = s.opt.Region
	}
	q.w.Header().Set("X-Amz-Bucket-Region", region)
	q.w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Server) listBuckets(q *request) error {
	s.mu.RLock()
	names := slices.Sorted(maps.Keys(s.buckets))
	d := newXML("ListAllMyBucketsResult")
	d.begin("Buckets")
	for _, name := range names {
		d.begin("Bucket")
		d.text("Name", name)
		d.time("CreationDate", s.buckets[name].created)
		d.end()
	}
	s.mu.RUnlock()
	d.end()
	d.begin("Owner")
	d.text("ID", ownerID)
	d.end()
	q.writeXML(http.StatusOK, d)
	return nil
}

// ownerID is the canonical user ID of whoever owns everything here.
const ownerID = "5a6d2f6c1c3f4e0e9b7a8d0c2e4f6a8b5a6d2f6c1c3f4e0e9b7a8d0c2e4f6a8b"

func (s *Server) getBucketLocation(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	region := b.region
	if region == "" {
		region = s.opt.Region
	}
	if region == "us-east-1" {
		region = "" // S3's name for it in this one answer
	}
	d := newXML("LocationConstraint")
	d.escape(region)
	q.writeXML(http.StatusOK, d)
	return nil
}

func (s *Server) getBucketVersioning(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	d := newXML("VersioningConfiguration")
	d.optional("Status", b.versioned())
	q.writeXML(http.StatusOK, d)
	return nil
}

func (s *Server) putBucketVersioning(q *request) error {
	var config struct {
		XMLName xml.Name `xml:"VersioningConfiguration"`
		Status  string   `xml:"Status"`
	}
	if err := q.readXML(&config); err != nil {
		return err
	}
	if config.Status != "Enabled" && config.Status != "Suspended" {
		return errMalformedXML()
	}
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.versioning.Store(config.Status)
	if err := b.save(); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusOK)
	return nil
}
