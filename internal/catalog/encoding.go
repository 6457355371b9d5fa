package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
)

// ErrDamaged is wrapped by the error for a file that is no catalogue, or not
// as it was written.
var ErrDamaged = errors.New("the catalogue is damaged: delete the file, and it will be made again")

func damaged(what string, args ...any) error {
	return fmt.Errorf("%w (%s)", ErrDamaged, fmt.Sprintf(what, args...))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// codec compresses and decompresses. It belongs to one goroutine.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// mostDecoded bounds what one piece of the file may decompress to.
const mostDecoded = 1 << 30

func newCodec() (*codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostDecoded))
	if err != nil {
		return nil, err
	}
	return &codec{enc, dec}, nil
}

// seal compresses plain and puts its checksum in front.
func (c *codec) seal(dst, plain []byte) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = c.enc.EncodeAll(plain, dst)
	binary.LittleEndian.PutUint32(dst[at:], crc32.Checksum(dst[at+4:], castagnoli))
	return dst
}

// unseal undoes seal into dst's memory.
func (c *codec) unseal(dst, sealed []byte) ([]byte, error) {
	if len(sealed) < 4 || binary.LittleEndian.Uint32(sealed) != crc32.Checksum(sealed[4:], castagnoli) {
		return nil, damaged("a checksum differs")
	}
	plain, err := c.dec.DecodeAll(sealed[4:], dst[:0])
	if err != nil {
		return nil, damaged("%v", err)
	}
	return plain, nil
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// decoder reads what the append functions wrote. After the first thing that
// cannot be, all it gives is zero, and err is set.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = damaged("it ends too early")
	}
	d.b = nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// bytes are those of the decoder's own memory.
func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) string() string { return string(d.bytes()) }

// count is a number of things that take at least one byte each.
func (d *decoder) count() int {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(n)
}
