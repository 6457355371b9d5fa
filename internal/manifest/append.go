package manifest

import (
	"strconv"
	"time"

	"s3bundler/internal/object"
)

// inventoryTime is how S3 Inventory writes LastModifiedDate.
const inventoryTime = "2006-01-02T15:04:05.000Z"

// Append adds o's row with the columns of f to dst, ended by '\n'. The key is
// written as EncodedKey; an Ignored column is empty. Read reads the row back.
func Append(dst []byte, o object.Object, f Fields) []byte {
	for i, c := range f.columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch c {
		case Bucket:
			dst = AppendField(dst, o.Bucket)
		case Key:
			dst = AppendField(dst, o.EncodedKey)
		case Size:
			dst = strconv.AppendInt(dst, o.Size, 10)
		case VersionID:
			dst = AppendField(dst, o.VersionID)
		case ETag:
			dst = AppendField(dst, o.ETag)
		case LastModified:
			if !o.LastModified.IsZero() {
				dst = o.LastModified.In(time.UTC).AppendFormat(dst, inventoryTime)
			}
		case StorageClass:
			dst = AppendField(dst, o.StorageClass)
		}
	}
	return append(dst, '\n')
}

// AppendField adds one CSV field to dst, in quotes only where RFC 4180 asks
// for them: if it holds a comma, a quote or a line break.
func AppendField[T string | []byte](dst []byte, field T) []byte {
	if !needsQuotes(field) {
		return append(dst, field...)
	}
	dst = append(dst, '"')
	for i := 0; i < len(field); i++ {
		if field[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, field[i])
	}
	return append(dst, '"')
}

func needsQuotes[T string | []byte](field T) bool {
	const special = 1<<',' | 1<<'"' | 1<<'\r' | 1<<'\n' // all are below 64
	for i := 0; i < len(field); i++ {
		if c := field[i]; c <= ',' && 1<<c&special != 0 {
			return true
		}
	}
	return false
}
