package retrieve

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/layout"
	"s3bundler/internal/object"
)

// copy verifies the copy of a big object against its one row.
func (v *verifier) copy(ctx context.Context, l *Listing, a Archive, emit func(event)) error {
	find := func(f Finding) { emit(event{finding: &f}) }
	at := l.Source.Where()
	var row *index.Row
	for r, err := range l.Rows() {
		switch {
		case errors.Is(err, index.ErrRow):
			find(of(BadIndexRow, at, err.Error()))
		case err != nil:
			return err
		case row != nil:
			find(about(Twice, at, &r, -1, "the metadata of a copy has more than one row"))
		default:
			row = &r
		}
	}
	if row == nil {
		find(of(NoIndex, a.Object.Location(), "the copy's metadata have no row"))
		return nil
	}
	body, attr, err := fetch.Stream(ctx, v.st, a.Object)
	if err != nil {
		return err
	}
	defer body.Close()
	if attr.ETag != a.Object.ETag {
		return &fault.Error{Reason: fault.Changed, Op: "read", Where: a.Object.Location().String(), Err: errors.New("it was replaced meanwhile")}
	}
	sums := crcAndMD5{md5: md5.New()}
	n, err := io.CopyBuffer(&sums, onlyReader{body}, make([]byte, 128<<10))
	if err != nil {
		return err
	}
	wrong, checked := "", true
	switch sum := hex.EncodeToString(sums.md5.Sum(nil)); {
	case n != row.Size:
		wrong = fmt.Sprintf("it has %d bytes, its metadata say %d", n, row.Size)
	case row.CRC64NVME != "" && object.CRC64NVME(sums.crc).Value != row.CRC64NVME:
		wrong = fmt.Sprintf("its CRC64NVME is %s, its metadata say %s", object.CRC64NVME(sums.crc).Value, row.CRC64NVME)
	case row.CRC64NVME != "":
	case isMD5(row.Checksum) && sum != row.Checksum:
		wrong = fmt.Sprintf("its MD5 is %s, its metadata say %s", sum, row.Checksum)
	default:
		checked = isMD5(row.Checksum)
	}
	if wrong != "" {
		find(about(BadContent, a.Object.Location(), row, -1, wrong))
		return nil
	}
	v.matched(row, sums.crc, checked, valueOf(l.Attr.Metadata, layout.SourceETag), emit)
	return nil
}

// crcAndMD5 sums up what is written to it.
type crcAndMD5 struct {
	crc uint64
	md5 interface {
		io.Writer
		Sum([]byte) []byte
	}
}

func (s *crcAndMD5) Write(p []byte) (int, error) {
	s.crc = crc64nvme.Update(s.crc, p)
	return s.md5.Write(p)
}
