package object

import "strings"

// MaxKey is the length of the longest key that S3 takes, in bytes.
const MaxKey = 1024

// DecodeKey turns a key of a CSV inventory (application/x-www-form-urlencoded
// with "%2F" put back to "/", see "Amazon S3 Inventory list" in the S3 User
// Guide) into the key S3 knows: '+' is a space, %XX a byte. A percent sign
// that two hex digits do not follow stands for itself.
func DecodeKey(encoded string) string {
	if strings.IndexByte(encoded, '%') < 0 && strings.IndexByte(encoded, '+') < 0 {
		return encoded
	}
	return string(AppendDecodedKey(make([]byte, 0, len(encoded)), encoded))
}

// AppendDecodedKey is DecodeKey for who has a buffer: it adds the decoded key
// to dst.
func AppendDecodedKey[T string | []byte](dst []byte, encoded T) []byte {
	for i := 0; i < len(encoded); i++ {
		c := encoded[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(encoded):
			hi, lo := unhex(encoded[i+1]), unhex(encoded[i+2])
			if hi >= 0 && lo >= 0 {
				c = byte(hi<<4 | lo)
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst
}

// EncodeKey is the inverse of DecodeKey, written as S3 Inventory writes keys:
// letters, digits, '-', '_', '.', '*' and '/' stand as they are.
func EncodeKey(key string) string {
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '_', c == '.', c == '*', c == '/':
			b.WriteByte(c)
		case c == ' ':
			b.WriteByte('+')
		default:
			b.WriteByte('%')
			b.WriteByte("0123456789ABCDEF"[c>>4])
			b.WriteByte("0123456789ABCDEF"[c&15])
		}
	}
	return b.String()
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
