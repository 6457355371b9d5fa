// Package layout says under which keys a bundle's results lie.
package layout

import (
	"crypto/md5"
	"encoding/hex"
	"strings"

	"s3bundler/internal/object"
)

// Place is where archives are kept: a bucket and a prefix, which may be empty.
type Place struct {
	Bucket string
	prefix string
}

// In returns the Place under a prefix, whose slashes at both ends do not count.
func In(bucket, prefix string) Place {
	prefix = strings.Trim(prefix, "/")
	if prefix != "" {
		prefix += "/"
	}
	return Place{Bucket: bucket, prefix: prefix}
}

// Archive is where the archive of the manifest named name lies. source is the
// bucket of the manifest's first row.
func (p Place) Archive(source, name string, compressed bool) object.Location {
	l := p.at(source+"/"+name, source+"/"+name+".tar")
	if compressed {
		l.Key += ".gz"
	}
	return l
}

// Index is where the index of that archive lies.
func (p Place) Index(source, name string) object.Location {
	return p.at(source+"/"+name, source+"/"+name+".index")
}

// BigObject is where the copy of an object above max size lies. The versions
// of one key lie apart.
func (p Place) BigObject(source string, o object.Object) object.Location {
	if o.VersionID != "" {
		return p.apart(source, o, "versionId", o.VersionID)
	}
	return p.at(source+"/"+o.EncodedKey, source+"/bigobjects/"+o.Key)
}

// OtherBigObject is where the copy of an object lies for which there is no
// room where BigObject says, because that of another content of the same key
// lies there. etag is the object's.
func (p Place) OtherBigObject(source string, o object.Object, etag string) object.Location {
	return p.apart(source, o, "etag", etag)
}

func (p Place) apart(source string, o object.Object, by, value string) object.Location {
	return p.at(source+"/"+o.EncodedKey+"?"+by+"="+value, source+"/bigobjects/"+value+"/"+o.Key)
}

// BigObjectMetadata is where the index line of the copy at l lies.
func BigObjectMetadata(l object.Location) object.Location {
	return object.Location{Bucket: l.Bucket, Key: l.Key + ".metadata"}
}

// DeadLetters is where the dead-letter index of a manifest lies.
func DeadLetters(manifest object.Location) object.Location {
	return object.Location{Bucket: manifest.Bucket, Key: manifest.Key + ".dlq"}
}

// PurgeLog is where the objects of an archive are logged that were deleted from
// their source because the archive has them. index is the archive's.
func PurgeLog(index object.Location) object.Location {
	return object.Location{Bucket: index.Bucket, Key: index.Key + ".purged.csv"}
}

// at puts key under the prefix and a hash of id: keys that begin differently
// are spread over S3's partitions.
func (p Place) at(id, key string) object.Location {
	return object.Location{Bucket: p.Bucket, Key: p.prefix + hashOf(id) + "/" + key}
}

func hashOf(id string) string {
	sum := md5.Sum([]byte(id))
	return hex.EncodeToString(sum[:])[:6]
}

// The names of the user metadata that results carry.
const (
	// ManifestETag stands on an index and a dead-letter index: the manifest
	// they are of.
	ManifestETag = "manifest-etag"
	// Manifest stands on an index: the location of the manifest it is of,
	// with its key encoded. Manifests of one name in different folders have
	// their results in the same place, where the second must not replace the
	// first.
	Manifest = "manifest"
	// ArchiveETag stands on an index: the archive it is of. An index whose
	// archive has another ETag is of one that has been replaced.
	ArchiveETag = "archive-etag"
	// DeadLetterCount stands on an index: how many lines the dead-letter index
	// beside the manifest has.
	DeadLetterCount = "dead-letters"
	// DeadLetterSum stands on an index and on the dead-letter index that
	// belongs to it, the same on both: the CRC-64/NVME of its lines. An index
	// without it has no dead-letter index.
	DeadLetterSum = "dead-letters-crc64nvme"
	// SourceETag stands on the metadata of a big object: what was copied.
	SourceETag = "source-etag"
)

// Holds reports whether an archive, its index or log, or a copy lies at l. The
// hash in its key must be that of the rest, for other things too lie in folders
// whose names are six hex digits: 202611.
func (p Place) Holds(l object.Location) bool {
	rest, ok := strings.CutPrefix(l.Key, p.prefix)
	hash, key, _ := strings.Cut(rest, "/")
	source, name, named := strings.Cut(key, "/")
	if !ok || !named || l.Bucket != p.Bucket {
		return false
	}
	dir, _, deep := strings.Cut(name, "/")
	if deep {
		// The key of a copy was encoded as its manifest's author liked.
		return len(hash) == 6 && strings.Trim(hash, "0123456789abcdef") == "" && (dir == "bigobjects" || dir == "bigobjects-purged")
	}
	for _, ending := range []string{".index", ".tar", ".tar.gz", ".index.purged.csv"} {
		if base, ok := strings.CutSuffix(name, ending); ok && hash == hashOf(source+"/"+base) {
			return true
		}
	}
	return false
}
