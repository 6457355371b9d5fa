package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// disk keeps buckets in a folder:
//
//	BUCKET/KEY                          content, where the key makes a path
//	.sandbox/BUCKET/bucket.json         what is known of the bucket
//	.sandbox/BUCKET/keys/HASH.json      a key, its versions, where the content is
//	.sandbox/BUCKET/data/ID             content whose key makes no path
//	.sandbox/tmp/                       bodies and parts that are coming in
type disk struct{ dir, tmp string }

// bucketDir is one bucket's part of a disk. The bucket's lock guards it.
type bucketDir struct{ content, keys, data, file, tmp string }

func openDisk(dir string) (*disk, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	d := &disk{dir: dir, tmp: filepath.Join(dir, ".sandbox", "tmp")}
	// What is there is of a run that ended in the middle of something.
	if err := os.RemoveAll(d.tmp); err != nil {
		return nil, err
	}
	return d, os.MkdirAll(d.tmp, 0o755)
}

func (d *disk) close() error { return os.RemoveAll(d.tmp) }

func (d *disk) bucket(name string) *bucketDir {
	own := filepath.Join(d.dir, ".sandbox", name)
	return &bucketDir{content: filepath.Join(d.dir, name), keys: filepath.Join(own, "keys"),
		data: filepath.Join(own, "data"), file: filepath.Join(own, "bucket.json"), tmp: d.tmp}
}

// savedBucket is bucket.json.
type savedBucket struct {
	Region  string    `json:"region,omitzero"`
	Created time.Time `json:"created"`
	Discard bool      `json:"discard,omitzero"`
	Quick   bool      `json:"quick,omitzero"`
	// RequesterPays and what follows are as in bucket.
	RequesterPays bool              `json:"requesterPays,omitzero"`
	Versioning    string            `json:"versioning,omitzero"`
	Inventories   map[string][]byte `json:"inventories,omitzero"`
}

// savedEntry is the file of one key.
type savedEntry struct {
	Key      string         `json:"key"`
	Versions []savedVersion `json:"versions"`
}

// savedVersion has at most one of the three kinds of content.
type savedVersion struct {
	version
	File      string     `json:"file,omitzero"` // below the disk's folder
	Generated *Generated `json:"generated,omitzero"`
	Discarded bool       `json:"discarded,omitzero"`
}

// load reads all buckets.
func (d *disk) load() (map[string]*bucket, error) {
	buckets := map[string]*bucket{}
	files, err := filepath.Glob(filepath.Join(d.dir, ".sandbox", "*", "bucket.json"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		var saved savedBucket
		if err := readJSON(f, &saved); err != nil {
			return nil, err
		}
		b := newBucket(filepath.Base(filepath.Dir(f)), saved.Created)
		b.region, b.discard, b.quick = saved.Region, saved.Discard, saved.Quick
		b.requesterPays = saved.RequesterPays
		b.versioning.Store(saved.Versioning)
		maps.Copy(b.inventories, saved.Inventories)
		b.disk = d.bucket(b.name)
		if err := d.loadKeys(b); err != nil {
			return nil, err
		}
		buckets[b.name] = b
	}
	return buckets, nil
}

func (d *disk) loadKeys(b *bucket) error {
	err := filepath.WalkDir(b.disk.keys, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		var saved savedEntry
		if err := readJSON(path, &saved); err != nil {
			return err
		}
		if len(saved.Versions) == 0 {
			return fmt.Errorf("%s: no versions; remove the file", path)
		}
		var versions []*version
		for _, s := range saved.Versions {
			v := s.version
			switch {
			case s.Generated != nil:
				v.content = *s.Generated
			case s.Discarded || v.Marker:
				v.content = discarded(v.Size)
			default:
				v.content = file{filepath.Join(d.dir, s.File), v.Size}
			}
			versions = append(versions, &v)
		}
		b.objects[saved.Key] = &entry{versions}
		b.added = append(b.added, saved.Key)
		b.dirty = true
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (b *bucketDir) save(s savedBucket) error {
	for _, dir := range []string{b.content, b.keys, b.data} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return writeJSON(b.file, s)
}

func (b *bucketDir) remove() error {
	return errors.Join(os.RemoveAll(b.content), os.RemoveAll(filepath.Dir(b.file)))
}

// store writes what is known of key, after the content of its versions has
// come to its place, and removes the content of those that are gone.
func (b *bucketDir) store(key string, e *entry, gone []*version) error {
	saved := savedEntry{Key: key}
	fresh := map[string]bool{}
	for _, v := range e.versions {
		s := savedVersion{version: *v}
		switch c := v.content.(type) {
		case file:
			placed, err := b.place(key, c, gone)
			if err != nil {
				return err
			}
			if placed != c {
				v.content = placed
			}
			fresh[placed.path] = true
			if s.File, err = filepath.Rel(filepath.Dir(b.content), placed.path); err != nil {
				return err
			}
		case Generated:
			s.Generated = &c
		case discarded:
			s.Discarded = true
		}
		saved.Versions = append(saved.Versions, s)
	}
	if err := b.write(key, saved); err != nil {
		return err
	}
	for _, v := range gone {
		if f, ok := v.content.(file); ok && !fresh[f.path] {
			if err := b.removeContent(f.path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bucketDir) write(key string, saved savedEntry) error {
	sum := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(sum[:])
	path := filepath.Join(b.keys, name[:2], name+".json")
	if len(saved.Versions) == 0 {
		return os.Remove(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return writeJSON(path, saved)
}

// place moves content that has just come in to where the key says, or to a
// name of its own where that is no path or is taken.
func (b *bucketDir) place(key string, c file, gone []*version) (file, error) {
	if filepath.Dir(c.path) != b.tmp {
		return c, nil
	}
	path := filepath.Join(b.content, filepath.FromSlash(key))
	if !isPath(key) || os.MkdirAll(filepath.Dir(path), 0o755) != nil || taken(path, gone) {
		path = filepath.Join(b.data, newVersionID())
	}
	return file{path, c.bytes}, os.Rename(c.path, path)
}

// taken reports whether there is something at path that is not about to go.
func taken(path string, gone []*version) bool {
	for _, v := range gone {
		if f, ok := v.content.(file); ok && f.path == path {
			return false
		}
	}
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// isPath reports whether key names the same file however it is read.
func isPath(key string) bool {
	for name := range strings.SplitSeq(key, "/") {
		if name == "" || name == "." || name == ".." || len(name) > 255 {
			return false
		}
	}
	return true
}

// removeContent removes a file and the folders that it leaves empty.
func (b *bucketDir) removeContent(path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	for dir := filepath.Dir(path); strings.HasPrefix(dir, b.content+string(filepath.Separator)); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil {
			break // not empty
		}
	}
	return nil
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writeJSON replaces a file as a whole.
func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", b, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
