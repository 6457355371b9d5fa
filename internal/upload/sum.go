package upload

// sum is the CRC-64/NVME of a part. That of the whole object follows from its
// parts', so that no byte has to be summed twice.
type sum struct {
	crc  uint64
	size int64 // of the part in bytes
}

// after is the sum of bytes with the sum before, and the part behind them:
// crc(a‖b) = crc(a)·x^(8·len(b)) + crc(b) modulo the polynomial, as for every
// CRC that starts from and is inverted with all ones.
func (s sum) after(before uint64) uint64 {
	power := uint64(1) << 55 // x^8: the highest bit is x^0
	for n := s.size; n > 0; n >>= 1 {
		if n&1 != 0 {
			before = multiply(before, power)
		}
		power = multiply(power, power)
	}
	return before ^ s.crc
}

// multiply is a·b modulo the polynomial of CRC-64/NVME, all with reflected
// bits.
func multiply(a, b uint64) (product uint64) {
	const polynomial = 0x9A6C9329AC4BC9B5
	for ; a != 0; a <<= 1 {
		if a>>63 != 0 {
			product ^= b
		}
		carry := b & 1
		b >>= 1
		if carry != 0 {
			b ^= polynomial
		}
	}
	return product
}
