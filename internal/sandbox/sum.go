package sandbox

import (
	"crypto/md5"
)

// sumRange reads n bytes from off for their MD5 and checksum. Content that
// was discarded has neither.
func sumRange(body reader, off, n int64, algorithm string) (received, error) {
	hashMD5, sum := md5.New(), newHash(algorithm)
	if sum == nil {
		return received{md5: nil}, body.writeTo(hashMD5, off, n)
	}
	if err := body.writeTo(hashWriter(hashMD5, sum), off, n); err != nil {
		return received{}, err
	}
	return received{md5: hashMD5.Sum(nil), sum: checksum{algorithm, encodeSum(sum.Sum(nil)), fullObject}}, nil
}
