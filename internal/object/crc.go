package object

// JoinCRC64NVME is the CRC-64/NVME of bytes with the sum before, and behind
// them n bytes with the sum crc: no byte has to be summed twice. It holds for
// every CRC that starts from all ones and ends inverted that
// crc(a‖b) = crc(a)·x^(8·len(b)) + crc(b) modulo the polynomial.
func JoinCRC64NVME(before, crc uint64, n int64) uint64 {
	for k := 0; n > 0; k, n = k+1, n>>1 {
		if n&1 != 0 {
			before = multiply(before, powers[k])
		}
	}
	return before ^ crc
}

// powers are x^(8·2^k), with reflected bits: the highest is x^0.
var powers = func() (p [63]uint64) {
	p[0] = 1 << 55
	for k := 1; k < len(p); k++ {
		p[k] = multiply(p[k-1], p[k-1])
	}
	return p
}()

// multiply is a·b modulo the polynomial of CRC-64/NVME, all with reflected
// bits.
func multiply(a, b uint64) (product uint64) {
	const polynomial = 0x9A6C9329AC4BC9B5
	for ; a != 0; a <<= 1 {
		product ^= b & -(a >> 63)
		b = b>>1 ^ polynomial&-(b&1)
	}
	return product
}
