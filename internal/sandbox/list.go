package sandbox

import (
	"encoding/base64"
	"net/http"
	"sort"
	"strconv"
	"strings"

	"s3bundler/internal/object"
)

// listing is what all list requests have in common.
type listing struct {
	prefix, delimiter string
	after             string // keys up to here are left out
	max               int
	encode            bool
}

func (q *request) listing(maxName string) (l listing, err error) {
	l = listing{prefix: q.query.Get("prefix"), delimiter: q.query.Get("delimiter"), max: 1000}
	if v := q.query.Get(maxName); v != "" {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil || n < 0 {
			return l, errArgument("Provided "+maxName+" not an integer or within integer range", maxName, v)
		}
		l.max = min(int(n), 1000)
	}
	switch v := q.query.Get("encoding-type"); v {
	case "":
	case "url":
		l.encode = true
	default:
		return l, errArgument("Invalid Encoding Method specified in Request", "encoding-type", v)
	}
	return l, nil
}

// name writes a key, encoded if the client asked for it.
func (l listing) name(key string) string {
	if l.encode {
		return object.EncodeKey(key)
	}
	return key
}

// walk calls key for each key in order, and group for each common prefix,
// until one of them returns false.
func (l listing) walk(keys []string, key func(string) bool, group func(string) bool) {
	start := l.after
	i := sort.Search(len(keys), func(i int) bool { return keys[i] > start })
	if l.prefix > start {
		i = sort.Search(len(keys), func(i int) bool { return keys[i] >= l.prefix })
	}
	for i < len(keys) && strings.HasPrefix(keys[i], l.prefix) {
		if l.delimiter != "" {
			if n := strings.Index(keys[i][len(l.prefix):], l.delimiter); n >= 0 {
				common := keys[i][:len(l.prefix)+n+len(l.delimiter)]
				// A prefix that the last page ended with was listed there.
				if common != start && !group(common) {
					return
				}
				i += sort.Search(len(keys)-i, func(n int) bool { return !strings.HasPrefix(keys[i+n], common) })
				continue
			}
		}
		if !key(keys[i]) {
			return
		}
		i++
	}
}

// listed is one line of a listing.
type listed struct {
	key     string
	version *version // nil for a common prefix
}

// page gives the current objects and common prefixes of one page, and whether
// there are more.
func (l listing) page(b *bucket) (page []listed, more bool) {
	if l.max == 0 {
		return nil, false
	}
	keys := b.sortedKeys()
	full := func() bool {
		more = len(page) == l.max
		return more
	}
	l.walk(keys, func(key string) bool {
		b.mu.RLock()
		v := b.latest(key)
		b.mu.RUnlock()
		if v == nil || v.Marker {
			return true
		}
		if full() {
			return false
		}
		page = append(page, listed{key, v})
		return true
	}, func(common string) bool {
		if !b.anyCurrent(keys, common) {
			return true
		}
		if full() {
			return false
		}
		page = append(page, listed{common, nil})
		return true
	})
	return page, more
}

// anyCurrent reports whether an object that is not deleted has the prefix.
func (b *bucket) anyCurrent(keys []string, prefix string) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for i := sort.SearchStrings(keys, prefix); i < len(keys) && strings.HasPrefix(keys[i], prefix); i++ {
		if v := b.latest(keys[i]); v != nil && !v.Marker {
			return true
		}
	}
	return false
}

// listObjects serves ListObjectsV2 and ListObjects.
func (s *Server) listObjects(q *request) error {
	b, err := s.bucket(q.bucket)
	if err != nil {
		return err
	}
	l, err := q.listing("max-keys")
	if err != nil {
		return err
	}
	v2 := q.op == "ListObjectsV2"
	d := newXML("ListBucketResult")
	d.text("Name", b.name)
	d.text("Prefix", l.name(l.prefix))
	if v2 {
		l.after = q.query.Get("start-after")
		d.optional("StartAfter", l.name(l.after))
		if token := q.query.Get("continuation-token"); token != "" {
			after, err := base64.URLEncoding.DecodeString(token)
			if err != nil {
				return errArgument("The continuation token provided is incorrect", "continuation-token", token)
			}
			l.after = string(after)
			d.text("ContinuationToken", token)
		}
	} else {
		l.after = q.query.Get("marker")
		d.text("Marker", l.name(l.after))
	}
	page, more := l.page(b)
	if v2 {
		d.number("KeyCount", int64(len(page)))
	}
	d.number("MaxKeys", int64(l.max))
	d.optional("Delimiter", l.name(l.delimiter))
	if l.encode {
		d.text("EncodingType", "url")
	}
	d.boolean("IsTruncated", more)
	if more {
		last := page[len(page)-1].key
		if v2 {
			d.text("NextContinuationToken", base64.URLEncoding.EncodeToString([]byte(last)))
		} else if l.delimiter != "" {
			d.text("NextMarker", l.name(last))
		}
	}
	owner := !v2 || q.query.Get("fetch-owner") == "true"
	for _, e := range page {
		if e.version != nil {
			d.object(l.name(e.key), e.version, owner)
		}
	}
	d.commonPrefixes(l, page)
	q.writeXML(http.StatusOK, d)
	return nil
}

func (d *xmlDoc) object(name string, v *version, owner bool) {
	d.begin("Contents")
	d.text("Key", name)
	d.time("LastModified", v.Modified)
	d.etag(v.ETag)
	if v.Checksum.Algorithm != "" {
		d.text("ChecksumAlgorithm", v.Checksum.Algorithm)
		d.text("ChecksumType", v.Checksum.Type)
	}
	d.number("Size", v.Size)
	if owner {
		d.owner()
	}
	d.storageClass(v)
	d.end()
}

func (d *xmlDoc) owner() {
	d.begin("Owner")
	d.text("ID", ownerID)
	d.end()
}

func (d *xmlDoc) storageClass(v *version) {
	if v.Class == "" {
		d.text("StorageClass", "STANDARD")
		return
	}
	d.text("StorageClass", v.Class)
}

func (d *xmlDoc) commonPrefixes(l listing, page []listed) {
	for _, e := range page {
		if e.version == nil {
			d.begin("CommonPrefixes")
			d.text("Prefix", l.name(e.key))
			d.end()
		}
	}
}
