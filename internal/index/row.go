// Package index holds the lines that are written beside an archive: a row of
// the index for each object that is in it, a dead letter for each left out.
package index

import (
	"strconv"
	"strings"
	"time"

	"s3bundler/internal/archive"
	"s3bundler/internal/object"
)

// TimeLayout is how an index writes a time, in UTC.
const TimeLayout = "2006-01-02 15:04:05-07:00"

// Row is one line of an index: what an archive holds of one object.
type Row struct {
	Bucket string
	// Key is as in the manifest, encoded.
	Key          string
	Size         int64 // bytes
	LastModified time.Time
	// Checksum is the ETag, or the MD5 in hex of the content where the ETag is
	// that of a multipart upload. Without quotes.
	Checksum string
	Metadata []object.Pair
	Tags     []object.Tag
	// Place is where the object lies; nil for a copied big object and in an
	// index of the original, which knows no places.
	Place *archive.Place
	// CRC64NVME of the content, base64 of the big-endian sum; empty if unknown.
	CRC64NVME string
	VersionID string
	// Headers are by canonical name, with X-Amz-Storage-Class among them.
	Headers []object.Pair
}

// StorageClassHeader is the name under which Headers tell the storage class.
const StorageClassHeader = "X-Amz-Storage-Class"

// NewRow makes the row of an object that S3 answered attr for. sum is the MD5
// in hex of its content, used where the ETag is not one; crc the content's
// CRC64NVME.
func NewRow(o object.Object, attr object.Attributes, tags []object.Tag, sum, crc string) Row {
	r := Row{
		Bucket: o.Bucket, Key: o.EncodedKey,
		Size: attr.Size, LastModified: attr.LastModified, Checksum: attr.ETag,
		Metadata: attr.Metadata, Tags: tags, CRC64NVME: crc, VersionID: attr.VersionID, Headers: attr.Headers,
	}
	if attr.Multipart() && sum != "" {
		r.Checksum = sum
	}
	if c := attr.StorageClass; c != "" && c != "STANDARD" {
		r.Headers = append(r.Headers[:len(r.Headers):len(r.Headers)], object.Pair{Name: StorageClassHeader, Value: c})
	}
	return r
}

// Append appends the row as one line.
func (r *Row) Append(dst []byte) []byte {
	dst = appendField(dst, r.Bucket)
	dst = append(dst, ',')
	dst = appendField(dst, r.Key)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, r.Size, 10)
	dst = append(dst, ',')
	dst = appendTime(dst, r.LastModified)
	// The original wrote the ETag with its quotes, which a CSV reader takes off.
	dst = append(dst, ',', '"')
	dst = append(dst, strings.ReplaceAll(r.Checksum, `"`, `""`)...)
	dst = append(dst, '"', ',')
	dst = appendPairs(dst, r.Metadata)
	dst = append(dst, ',')
	dst = appendTags(dst, r.Tags)
	dst = append(dst, ',')
	if p := r.Place; p != nil {
		dst = strconv.AppendInt(dst, p.Offset, 10)
		dst = append(dst, ',')
		dst = strconv.AppendInt(dst, p.Block, 10)
		dst = append(dst, ',')
		if p.BlockLength >= 0 {
			dst = strconv.AppendInt(dst, p.BlockLength, 10)
		}
	} else {
		dst = append(dst, ',', ',')
	}
	dst = append(dst, ',')
	dst = appendField(dst, r.CRC64NVME)
	dst = append(dst, ',')
	dst = appendField(dst, r.VersionID)
	dst = append(dst, ',')
	dst = appendPairs(dst, r.Headers)
	return append(dst, '\n')
}

// appendPairs writes name=value;name=value as one field.
func appendPairs(dst []byte, pairs []object.Pair) []byte {
	if len(pairs) == 0 {
		return dst
	}
	var b []byte
	for i, p := range pairs {
		if i > 0 {
			b = append(b, ';')
		}
		b = appendEscaped(b, p.Name)
		b = append(b, '=')
		b = appendEscaped(b, p.Value)
	}
	return appendField(dst, string(b))
}

// appendTags writes Key=k;Value=v, joined by semicolons, as one field.
func appendTags(dst []byte, tags []object.Tag) []byte {
	if len(tags) == 0 {
		return dst
	}
	pairs := make([]object.Pair, 0, 2*len(tags))
	for _, t := range tags {
		pairs = append(pairs, object.Pair{Name: "Key", Value: t.Key}, object.Pair{Name: "Value", Value: t.Value})
	}
	return appendPairs(dst, pairs)
}

// appendEscaped percent-encodes the characters that divide pairs.
func appendEscaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '%':
			dst = append(dst, "%25"...)
		case ';':
			dst = append(dst, "%3B"...)
		case '=':
			dst = append(dst, "%3D"...)
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

// appendField writes a field as RFC 4180 has it: quoted only if it must be.
func appendField(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, ",\"\r\n") {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	dst = append(dst, strings.ReplaceAll(s, `"`, `""`)...)
	return append(dst, '"')
}

// appendTime writes t in TimeLayout and UTC; nothing for the zero time.
func appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return dst
	}
	return t.UTC().AppendFormat(dst, TimeLayout)
}
