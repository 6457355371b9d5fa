package object

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ByteSize is a number of bytes that reads and prints with a unit, in powers
// of 1024. It is a flag value.
type ByteSize int64

// Units of ByteSize.
const (
	KiB ByteSize = 1 << 10
	MiB ByteSize = 1 << 20
	GiB ByteSize = 1 << 30
)

// ParseByteSize reads a whole number with an optional GB, G, MB, M, KB or K,
// in either case.
func ParseByteSize(s string) (ByteSize, error) {
	digits := strings.TrimRight(s, "GMKBgmkb")
	var unit ByteSize
	switch strings.ToUpper(s[len(digits):]) {
	case "":
		unit = 1
	case "K", "KB":
		unit = KiB
	case "M", "MB":
		unit = MiB
	case "G", "GB":
		unit = GiB
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if unit == 0 || err != nil || n < 0 || n > math.MaxInt64/int64(unit) {
		return 0, fmt.Errorf("%q is no size: write a whole number with an optional GB, MB or KB", s)
	}
	return ByteSize(n) * unit, nil
}

// String prints the size with the largest unit that divides it, so that
// ParseByteSize reads the same size back.
func (b ByteSize) String() string {
	for _, u := range []struct {
		size ByteSize
		name string
	}{{GiB, "GB"}, {MiB, "MB"}, {KiB, "KB"}} {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Set reads a size from the command line.
func (b *ByteSize) Set(s string) (err error) {
	*b, err = ParseByteSize(s)
	return err
}

// Type names the flag's value in help.
func (b *ByteSize) Type() string { return "SIZE" }
