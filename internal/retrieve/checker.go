package retrieve

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// checker holds content against what its row says: the CRC64NVME where there
// is one, else the MD5. It is an io.Writer that never fails.
type checker struct {
	row *index.Row
	n   int64
	crc uint64
	md5 hash.Hash // nil where the CRC serves, or there is no MD5 either
}

func newChecker(row *index.Row) *checker {
	c := &checker{row: row}
	if row.CRC64NVME == "" && isMD5(row.Checksum) {
		c.md5 = md5.New()
	}
	return c
}

// isMD5 tells an MD5 in hex from the ETag of a multipart upload.
func isMD5(sum string) bool { return len(sum) == 32 && strings.Trim(sum, "0123456789abcdef") == "" }

func (c *checker) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	switch {
	case c.row.CRC64NVME != "":
		c.crc = crc64nvme.Update(c.crc, p)
	case c.md5 != nil:
		c.md5.Write(p)
	}
	return len(p), nil
}

// check tells whether all that was written is the row's content; where names
// what was read.
func (c *checker) check(where object.Location) error {
	var err error
	hint := "the archive is damaged: s3bundler verify tells how far"
	switch {
	case c.n != c.row.Size:
		err = fmt.Errorf("it has %d bytes, the index says %d", c.n, c.row.Size)
	case c.row.CRC64NVME != "":
		if got := object.CRC64NVME(c.crc).Value; got != c.row.CRC64NVME {
			err = fmt.Errorf("its CRC64NVME is %s, the index says %s", got, c.row.CRC64NVME)
		}
	case c.md5 != nil:
		if got := hex.EncodeToString(c.md5.Sum(nil)); got != c.row.Checksum {
			err = fmt.Errorf("its MD5 is %s, the index says %s", got, c.row.Checksum)
			hint += "; or its ETag was no MD5, because a KMS key encrypted the object: then give --no-check"
		}
	}
	if err == nil {
		return nil
	}
	return &fault.Error{Kind: fault.Download, Reason: fault.ChecksumMismatch, Op: "check " + nameOf(c.row), Where: "in " + where.String(), Err: err, Hint: hint}
}

// nameOf is the URI that the object had.
func nameOf(row *index.Row) string {
	return object.Location{Bucket: row.Bucket, Key: object.DecodeKey(row.Key)}.String()
}

// checks reports whether there is a checksum to hold the content against.
func (c *checker) checks() bool { return c.row.CRC64NVME != "" || c.md5 != nil }
