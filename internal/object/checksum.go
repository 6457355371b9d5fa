package object

import (
	"encoding/base64"
	"encoding/binary"
)

// CRC64NVME is a CRC-64/NVME sum as S3 writes it.
func CRC64NVME(sum uint64) Checksum {
	return Checksum{Algorithm: "CRC64NVME", Value: base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, sum))}
}
