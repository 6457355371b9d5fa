package sandbox

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// bucket is one bucket. Its lock is never held while a body moves.
type bucket struct {
	name    string
	region  string // empty: whichever a client signs for
	created time.Time
	discard bool
	quick   bool
	// requesterPays refuses requests that do not agree to pay.
	requesterPays bool
	disk          *bucketDir // nil in memory

	// versioning holds a string: Enabled, Suspended, or nothing.
	versioning atomic.Value

	mu sync.RWMutex
	// inventories are inventory configurations by ID, as they were sent.
	inventories map[string][]byte

	objects   map[string]*entry
	keys      []string // sorted; holds every key of objects unless dirty
	added     []string // keys since keys was sorted, in no order
	dirty     bool
	uploads   map[string]*upload
	completed map[string]completion
}

// versioned is the bucket's versioning status; empty if it never had any.
func (b *bucket) versioned() string {
	status, _ := b.versioning.Load().(string)
	return status
}

// entry is a key's versions, the newest first. There is at least one.
type entry struct{ versions []*version }

// version is one version of an object, or a delete marker. It does not change
// after it was stored: what changes about an object replaces its version.
type version struct {
	ID       string    `json:"id"` // "null" if the bucket was not versioned
	Marker   bool      `json:"marker,omitzero"`
	Size     int64     `json:"size"`
	ETag     string    `json:"etag"` // without quotes
	Modified time.Time `json:"modified"`
	// Headers and Metadata are as in attributes.
	Headers    []field  `json:"headers,omitzero"`
	Metadata   []field  `json:"metadata,omitzero"`
	Tags       []field  `json:"tags,omitzero"`
	Class      string   `json:"class,omitzero"` // empty is STANDARD
	Checksum   checksum `json:"checksum,omitzero"`
	Encryption string   `json:"encryption,omitzero"` // empty is AES256
	Restore    *restore `json:"restore,omitzero"`

	content content
}

func newBucket(name string, created time.Time) *bucket {
	return &bucket{name: name, created: created, objects: map[string]*entry{}, uploads: map[string]*upload{},
		completed: map[string]completion{}, inventories: map[string][]byte{}}
}

// latest gives the newest version of key; nil if there is none. The lock is
// held.
func (b *bucket) latest(key string) *version {
	if e := b.objects[key]; e != nil {
		return e.versions[0]
	}
	return nil
}

// find gives the version a request names, or the newest. The lock is held.
func (b *bucket) find(key, id string) (*version, error) {
	e := b.objects[key]
	if id == "" {
		if e == nil {
			return nil, errNoSuchKey(key)
		}
		if v := e.versions[0]; !v.Marker {
			return v, nil
		}
		err := errNoSuchKey(key)
		err.header = []field{{"x-amz-delete-marker", "true"}, {"x-amz-version-id", e.versions[0].ID}}
		return nil, err
	}
	if id != "null" && len(id) != versionIDLength {
		return nil, errArgument("Invalid version id specified", "versionId", id)
	}
	if e != nil {
		for _, v := range e.versions {
			if v.ID == id {
				return v, nil
			}
		}
	}
	return nil, errNoSuchVersion(key, id)
}

// add makes v the newest version of key. The lock is held.
func (b *bucket) add(key string, v *version) error {
	v.ID = "null"
	if b.versioned() == "Enabled" {
		v.ID = newVersionID()
	}
	e := b.objects[key]
	var kept, gone []*version
	if e != nil {
		for _, old := range e.versions {
			if old.ID == v.ID {
				gone = append(gone, old)
			} else {
				kept = append(kept, old)
			}
		}
	}
	return b.store(key, &entry{append([]*version{v}, kept...)}, gone)
}

// replaceVersion puts changed in the place of old. The lock is held.
func (b *bucket) replaceVersion(key string, old, changed *version) error {
	e := b.objects[key]
	if e == nil {
		return errNoSuchKey(key)
	}
	versions := slices.Clone(e.versions)
	i := slices.Index(versions, old)
	if i < 0 {
		return errNoSuchKey(key)
	}
	versions[i] = changed
	return b.store(key, &entry{versions}, nil)
}

// remove takes versions away for good. The lock is held.
func (b *bucket) remove(key string, gone *version) error {
	e := b.objects[key]
	if e == nil {
		return nil
	}
	return b.store(key, &entry{slices.DeleteFunc(slices.Clone(e.versions), func(v *version) bool { return v == gone })},
		[]*version{gone})
}

// store makes e what key has; gone are versions that it had. The lock is held.
func (b *bucket) store(key string, e *entry, gone []*version) error {
	if b.disk != nil {
		if err := b.disk.store(key, e, gone); err != nil {
			return err
		}
	}
	switch {
	case len(e.versions) == 0:
		delete(b.objects, key)
		b.dirty = true
	case b.objects[key] == nil:
		b.added = append(b.added, strings.Clone(key))
		b.dirty = true
		fallthrough
	default:
		b.objects[key] = e
	}
	return nil
}

// sortedKeys gives the keys in S3's order. The slice never changes; keys may
// vanish from the bucket while it is read.
func (b *bucket) sortedKeys() []string {
	b.mu.RLock()
	keys, dirty := b.keys, b.dirty
	b.mu.RUnlock()
	if !dirty {
		return keys
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.Sort(b.added)
	merged := make([]string, 0, len(b.objects))
	old, added := b.keys, b.added
	for len(old)+len(added) > 0 {
		var k string
		if len(added) == 0 || len(old) > 0 && old[0] <= added[0] {
			k, old = old[0], old[1:]
		} else {
			k, added = added[0], added[1:]
		}
		if b.objects[k] != nil && (len(merged) == 0 || merged[len(merged)-1] != k) {
			merged = append(merged, k)
		}
	}
	b.keys, b.added, b.dirty = merged, nil, false
	return merged
}

// versionIDLength is that of the version IDs this server gives, as of S3's.
const versionIDLength = 32

func newVersionID() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._"
	var b [versionIDLength]byte
	for i := 0; i < len(b); i += 8 {
		for j, r := 0, randomUint64(); j < 8; j, r = j+1, r>>6 {
			b[i+j] = letters[r&63]
		}
	}
	return string(b[:])
}
