package main

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/archive"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// shelf is a bucket of generated indexes, and of archives that can only be
// listed. All indexes have the rows of one, but for a number in each key, so
// that they need the memory of one.
type shelf struct {
	count    int
	template []byte
	at       []int // where the number stands, in each row
	sums     []uint64
}

// digits is the length of the number.
const digits = 4

// newShelf makes count indexes of so many rows each.
func newShelf(rows, count int) *shelf {
	s := &shelf{count: count, sums: make([]uint64, count)}
	modified := time.Date(2026, time.March, 30, 18, 6, 0, 0, time.UTC)
	offset := int64(512)
	for i := range rows {
		sum := crc64nvme.Checksum(strconv.AppendInt(nil, int64(i), 10))
		key := fmt.Sprintf("logs/%0*d/obj-%08d.bin", digits, 0, i)
		row := index.Row{
			Bucket: "source", Key: key, Size: smallest + int64(sum%spread), LastModified: modified.Add(time.Duration(i) * time.Second),
			Checksum: fmt.Sprintf("%016x%016x", sum, sum*sum|1), Place: &archive.Place{Offset: offset, BlockLength: -1},
			CRC64NVME: object.CRC64NVME(sum).Value, Headers: []object.Pair{{Name: "Content-Type", Value: "application/octet-stream"}},
		}
		offset += row.Size + int64(archive.Padding(row.Size)) + 512
		begin := len(s.template)
		s.template = row.Append(s.template)
		s.at = append(s.at, begin+bytes.Index(s.template[begin:], []byte("logs/"))+len("logs/"))
	}
	room := make([]byte, chunk)
	for n := range s.sums {
		for at := int64(0); at < s.size(); at += chunk {
			s.sums[n] = crc64nvme.Update(s.sums[n], s.read(n, at, room))
		}
	}
	return s
}

// Objects of the rows have from smallest bytes on, all sizes alike.
const (
	smallest = 1 << 10
	spread   = 19 << 10
	chunk    = 256 << 10
)

func (s *shelf) size() int64 { return int64(len(s.template)) }

// read fills p with the bytes of index n from an offset on, and returns what
// is filled.
func (s *shelf) read(n int, offset int64, p []byte) []byte {
	p = p[:copy(p, s.template[offset:])]
	number := fmt.Sprintf("%0*d", digits, n)
	from, _ := slices.BinarySearch(s.at, int(offset)-digits+1)
	for _, at := range s.at[from:] {
		at -= int(offset)
		if at >= len(p) {
			break
		}
		for i := range number {
			if at+i >= 0 && at+i < len(p) {
				p[at+i] = number[i]
			}
		}
	}
	return p
}

// key is that of index n, without its ending.
func (s *shelf) key(n int) string {
	return fmt.Sprintf("archive/%06x/source/source-all-manifest.%0*d", n, digits, n)
}

// etag is quoted.
func (s *shelf) etag(n int) string { return fmt.Sprintf(`"%016x%016x"`, s.sums[n], n) }

// list gives all that lies on it, in order.
func (s *shelf) list() (all []listed) {
	for n := range s.count {
		all = append(all,
			listed{key: s.key(n) + ".index", size: s.size(), etag: s.etag(n)},
			listed{key: s.key(n) + ".tar", size: int64(len(s.at)) * (smallest + spread/2 + 512), etag: fmt.Sprintf(`"%032x-40"`, n)})
	}
	return all
}

// parseShelf reads the name of a bucket of indexes.
func parseShelf(bucket string) (rows, count int, ok bool) {
	words := strings.Split(bucket, "-")
	if len(words) != 3 || words[0] != "indexes" {
		return 0, 0, false
	}
	rows, err := strconv.Atoi(words[1])
	count, err2 := strconv.Atoi(words[2])
	return rows, count, err == nil && err2 == nil && rows > 0 && count > 0 && count <= 10_000 && rows <= 1_000_000
}

// shelved answers with an index, or a range of it.
func (a *answer) shelved(s *shelf) error {
	n := int(number(a.key)) % s.count
	if string(a.key) != s.key(n)+".index" {
		return a.refuse("404 Not Found", "NoSuchKey")
	}
	v := describe(s.etag(n), object.CRC64NVME(s.sums[n]).Value, s.size())
	head, from, length, err := a.head(&v, s.size())
	if head == nil || err != nil {
		return err
	}
	_, err = a.in.conn.Write(head)
	room := make([]byte, min(chunk, length))
	for end := from + length; from < end && err == nil; from += int64(len(room)) {
		_, err = a.in.conn.Write(s.read(n, from, room[:min(int64(len(room)), end-from)]))
	}
	return err
}
