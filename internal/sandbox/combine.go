package sandbox

import (
	"encoding/base64"
	"encoding/binary"
)

// crcPolynomial gives the reflected polynomial of an algorithm and its width
// in bits; zero for what is no CRC.
func crcPolynomial(algorithm string) (polynomial uint64, width int) {
	switch algorithm {
	case "CRC64NVME":
		return 0x9A6C9329AC4BC9B5, 64
	case "CRC32":
		return 0xEDB88320, 32
	case "CRC32C":
		return 0x82F63B78, 32
	}
	return 0, 0
}

// combine gives the CRC of two runs of bytes from the CRC of each and the
// length of the second: crc(a‖b) = crc(a)·x^(8·len(b)) + crc(b) modulo the
// polynomial. It holds for CRCs whose start and final values are all ones.
func combine(algorithm string, a, b uint64, length int64) uint64 {
	polynomial, width := crcPolynomial(algorithm)
	one := uint64(1) << (width - 1) // reflected: the highest bit is x^0
	power := one >> 8               // x^8
	shift := one
	for n := uint64(length); n > 0; n >>= 1 {
		if n&1 != 0 {
			shift = multiply(shift, power, polynomial, one)
		}
		power = multiply(power, power, polynomial, one)
	}
	return multiply(a, shift, polynomial, one) ^ b
}

// multiply is a·b modulo the polynomial, all reflected.
func multiply(a, b, polynomial, one uint64) (product uint64) {
	for bit := one; bit != 0 && a != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
			a &^= bit
		}
		if b&1 != 0 {
			b = b>>1 ^ polynomial
		} else {
			b >>= 1
		}
	}
	return product
}

// combineSums does the same with sums as S3 writes them. ok is false if the
// algorithm is no CRC or a sum is malformed.
func combineSums(algorithm string, sums []string, sizes []int64) (sum string, ok bool) {
	_, width := crcPolynomial(algorithm)
	if width == 0 {
		return "", false
	}
	var crc uint64
	for i, s := range sums {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil || len(b) != width/8 {
			return "", false
		}
		var part [8]byte
		copy(part[8-len(b):], b)
		crc = combine(algorithm, crc, binary.BigEndian.Uint64(part[:]), sizes[i])
	}
	var out [8]byte
	binary.BigEndian.PutUint64(out[:], crc)
	return encodeSum(out[8-width/8:]), true
}
