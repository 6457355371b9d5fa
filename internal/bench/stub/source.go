package main

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/object"
)

// maxVariants bounds the objects of a source that differ.
const maxVariants = 1 << 14

// source is a bucket of generated objects of one size. Object n is the bytes
// of the pool from n's variant on; where the pool ends it begins again.
type source struct {
	pool     []byte
	size     int64
	variants []variant
}

// variant is an object of a source, but for its name.
type variant struct {
	start int64
	etag  string // quoted
	// whole is the head of the answer to a GET of all of it, ranged what is
	// in the head of any answer besides length and range.
	whole, ranged []byte
}

// newSource computes all that its answers need.
func newSource(pool []byte, size int64, multipart bool) *source {
	n := int64(1)
	if size > 0 && size < int64(len(pool)) {
		n = min(int64(len(pool))/size, maxVariants)
	}
	s := &source{pool: pool, size: size, variants: make([]variant, n)}
	for i := range s.variants {
		s.variants[i] = s.describe(int64(i)*size, multipart)
	}
	return s
}

func (s *source) describe(start int64, multipart bool) variant {
	crc, sum := uint64(0), md5.New()
	for piece := range s.bytes(start, 0, s.size) {
		crc = crc64nvme.Update(crc, piece)
		if !multipart {
			sum.Write(piece)
		}
	}
	etag := `"` + hex.EncodeToString(sum.Sum(nil)) + `"`
	if multipart { // of parts of 16 MiB
		etag = fmt.Sprintf(`"%016x%016x-%d"`, crc, ^crc, (s.size+16<<20-1)/(16<<20))
	}
	v := describe(etag, object.CRC64NVME(crc).Value, s.size)
	v.start = start
	return v
}

// describe makes the heads of the answers with an object. sum is empty if it
// has no checksum.
func describe(etag, sum string, size int64) variant {
	v := variant{etag: etag, ranged: []byte(constantHead + "ETag: " + etag + "\r\n")}
	v.whole = append([]byte("HTTP/1.1 200 OK\r\n"), v.ranged...)
	if sum != "" {
		v.whole = append(v.whole, "x-amz-checksum-type: FULL_OBJECT\r\nx-amz-checksum-crc64nvme: "+sum+"\r\n"...)
	}
	v.whole = append(strconv.AppendInt(append(v.whole, "Content-Length: "...), size, 10), "\r\n\r\n"...)
	return v
}

// constantHead is what S3 says in the answer to any GET, and is not looked at.
const constantHead = "x-amz-id-2: aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8=\r\n" +
	"x-amz-request-id: 4442587FB7D0A2F9\r\n" +
	"Date: Mon, 23 Nov 2026 11:36:13 GMT\r\n" +
	"Last-Modified: Thu, 30 Mar 2017 18:06:00 GMT\r\n" +
	"x-amz-server-side-encryption: AES256\r\n" +
	"Accept-Ranges: bytes\r\n" +
	"Content-Type: application/octet-stream\r\n" +
	"Server: AmazonS3\r\n"

// bytes yields n bytes of the object at start, from offset on.
func (s *source) bytes(start, offset, n int64) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		at := (start + offset) % int64(len(s.pool))
		for n > 0 {
			piece := s.pool[at:min(int64(len(s.pool)), at+n)]
			if !yield(piece) {
				return
			}
			n -= int64(len(piece))
			at = 0
		}
	}
}

// object finds the variant that a key asks for.
func (s *source) object(key []byte) *variant {
	return &s.variants[number(key)%uint64(len(s.variants))]
}

// number is the one at the end of a key, before its extension.
func number(key []byte) (n uint64) {
	scale := uint64(1)
	end := len(key)
	for end > 0 && (key[end-1] < '0' || key[end-1] > '9') { // an extension
		end--
	}
	for ; end > 0 && key[end-1] >= '0' && key[end-1] <= '9'; end-- {
		n += uint64(key[end-1]-'0') * scale
		scale *= 10
	}
	return n
}

// parseSource reads the name of a bucket of generated objects.
func parseSource(bucket string) (kind string, size int64, multipart, ok bool) {
	kind, rest, ok := strings.Cut(bucket, "-")
	digits, word, more := strings.Cut(rest, "-")
	size, err := strconv.ParseInt(digits, 10, 64)
	ok = ok && err == nil && size >= 0 && (kind == "bin" || kind == "text") && (!more || word == "multipart")
	return kind, size, more, ok
}
