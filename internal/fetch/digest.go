package fetch

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// digest sums an object's content: always by CRC64NVME, which an index holds,
// and by what else is needed to check it against S3's answer, the best that
// is there: a full-object checksum, else the MD5 in the ETag.
type digest struct {
	attr  *object.Attributes
	crc64 uint64
	md5   hash.Hash // nil if not needed
	other hash.Hash // of attr.Checksum, unless that is a CRC64NVME
}

func newDigest(attr *object.Attributes) digest {
	d := digest{attr: attr}
	switch attr.Checksum.Algorithm {
	case "CRC64NVME":
	case "CRC32":
		d.other = crc32.NewIEEE()
	case "CRC32C":
		d.other = crc32.New(castagnoli)
	case "SHA1":
		d.other = sha1.New()
	case "SHA256":
		d.other = sha256.New()
	default:
		if _, ok := attr.MD5(); ok {
			d.md5 = md5.New()
		}
	}
	if attr.Multipart() { // its index row needs the MD5 that the ETag is not
		d.md5 = md5.New()
	}
	return d
}

func (d *digest) add(p []byte) {
	d.crc64 = crc64nvme.Update(d.crc64, p)
	d.addOther(p)
}

// addSummed is add for bytes with the CRC-64/NVME crc.
func (d *digest) addSummed(p []byte, crc uint64) {
	d.crc64 = object.JoinCRC64NVME(d.crc64, crc, int64(len(p)))
	d.addOther(p)
}

func (d *digest) addOther(p []byte) {
	if d.md5 != nil {
		d.md5.Write(p)
	}
	if d.other != nil {
		d.other.Write(p)
	}
}

// check compares the sums with S3's.
func (d *digest) check(where string) error {
	want := d.attr.Checksum
	var got string
	switch {
	case want.Algorithm == "CRC64NVME":
		got = object.CRC64NVME(d.crc64).Value
	case d.other != nil:
		got = base64.StdEncoding.EncodeToString(d.other.Sum(nil))
	default:
		sum, ok := d.attr.MD5()
		if !ok {
			return nil // nothing to check against
		}
		want = object.Checksum{Algorithm: "MD5", Value: sum}
		got = d.md5sum()
	}
	if got == want.Value {
		return nil
	}
	return &fault.Error{Reason: fault.ChecksumMismatch, Op: "read", Where: where,
		Err: fmt.Errorf("%s is %s, S3 says %s", want.Algorithm, got, want.Value)}
}

// md5sum is in hex, or empty if it was not needed.
func (d *digest) md5sum() string {
	if d.md5 == nil {
		return ""
	}
	return hex.EncodeToString(d.md5.Sum(nil))
}
