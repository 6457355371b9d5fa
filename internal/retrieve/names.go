package retrieve

import (
	"iter"
	"strings"

	"s3bundler/internal/layout"
	"s3bundler/internal/object"
)

// isPrefix tells a prefix from an object by the name.
func isPrefix(l object.Location) bool {
	if l.Key == "" || strings.HasSuffix(l.Key, "/") {
		return !isNamedCopy(l.Key)
	}
	return !isCopy(l.Key) && !isIndex(l.Key) && !isArchive(l.Key)
}

func isIndex(key string) bool { return strings.HasSuffix(key, indexEnding) }

func isArchive(key string) bool {
	return strings.HasSuffix(key, tarEnding) || strings.HasSuffix(key, gzipEnding)
}

// stemOf is the key of an index or an archive without its ending.
func stemOf(key string) string {
	if stem, ok := strings.CutSuffix(key, indexEnding); ok {
		return stem
	}
	return strings.TrimSuffix(strings.TrimSuffix(key, ".gz"), tarEnding)
}

// isCopy reports whether a copy or its metadata lie at key, that is in
// <hash>/<source bucket>/bigobjects/. An archive may seem to: a prefix may look
// like a hash, and a bucket be called bigobjects. And an archive may have been
// copied itself. The hash in key says what it is of.
func isCopy(key string) bool {
	for c := range copiesAt(key) {
		return c.key != "" && (!isIndex(key) && !isArchive(key) || !isResult(stemOf(key)) || isNamedCopy(key))
	}
	return false
}

// isDoubtful reports whether a key that seems to be that of a copy may be of
// something else that lies about among archives: a log of purge, or what is
// beside an archive of a bucket that is called bigobjects.
func isDoubtful(key string) bool {
	for c := range copiesAt(key) {
		return (isHash(c.source) || strings.HasSuffix(key, logEnding)) && !isNamedCopy(key) && !isNamedCopy(strings.TrimSuffix(key, metadataEnding))
	}
	return false
}

// copyName is what the key of a copy may be made of.
type copyName struct{ hash, source, key string }

// copiesAt yields the ways to read key as that of a copy.
func copiesAt(key string) iter.Seq[copyName] {
	return func(yield func(copyName) bool) {
		parts := strings.Split(key, "/")
		for i := 2; i < len(parts)-1; i++ {
			if parts[i] != bigObjects || parts[i-1] == "" || !isHash(parts[i-2]) {
				continue
			}
			if !yield(copyName{parts[i-2], parts[i-1], strings.Join(parts[i+1:], "/")}) {
				return
			}
		}
	}
}

func isHash(s string) bool {
	const hashDigits = 6
	return len(s) == hashDigits && strings.Trim(s, "0123456789abcdef") == ""
}

// isNamedCopy reports whether the hash in key is that of the very object whose
// copy lies there, so that key is nothing else. The hash is of the key as its
// manifest has it, encoded as S3 does or not at all: any other encoding is
// missed.
func isNamedCopy(key string) bool {
	for c := range copiesAt(key) {
		apart, rest, _ := strings.Cut(c.key, "/") // by version or ETag
		for _, encode := range []func(string) string{object.EncodeKey, strings.Clone} {
			o := object.Object{Key: c.key, EncodedKey: encode(c.key)}
			part := object.Object{Key: rest, EncodedKey: encode(rest), VersionID: apart}
			in := layout.In("", "")
			for _, l := range []object.Location{in.BigObject(c.source, o), in.BigObject(c.source, part), in.OtherBigObject(c.source, part, apart)} {
				if l.Key == c.hash+"/"+c.source+"/"+bigObjects+"/"+c.key {
					return true
				}
			}
		}
	}
	return false
}

// isResult reports whether stem is that of an archive: its folder is the hash
// of what it is called. Manifests, whose names are those of indexes, lie
// elsewhere.
func isResult(stem string) bool {
	_, hash, source, name, ok := splitResult(stem)
	return ok && layout.In("", "").Index(source, name).Key == hash+"/"+source+"/"+name+indexEnding
}

// splitResult takes <prefix>/<hash>/<source>/<name> apart.
func splitResult(stem string) (prefix, hash, source, name string, ok bool) {
	parts := strings.Split(stem, "/")
	n := len(parts)
	if n < 3 {
		return "", "", "", "", false
	}
	return strings.Join(parts[:n-3], "/"), parts[n-3], parts[n-2], parts[n-1], true
}
