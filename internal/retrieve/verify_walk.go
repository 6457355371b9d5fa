package retrieve

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/minio/crc64nvme"

	"s3bundler/internal/archive"
	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

const tarBlock = 512

// walk holds an archive against its index, in one reading of both.
type walk struct {
	archive object.Location
	rows    *rowQueue
	tape    *tape
	ends    blockEnds
	find    func(Finding)
	// matched is told of each row whose member is there and is what it says,
	// with the CRC-64/NVME of its content. checked is false if the row has no
	// checksum to hold the content against.
	matched func(row *index.Row, crc uint64, checked bool)

	t       *tar.Reader
	pad     int  // bytes that fill up the last content
	ours    bool // the last row had a place
	damaged bool
}

// errStopped ends a walk whose findings nobody wants any more.
var errStopped = errors.New("no more findings are wanted")

// run reads all of it. The error is one of reading, not of what was read.
func (w *walk) run(ctx context.Context) error {
	w.restart(nil)
	buf := make([]byte, 128<<10)
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		h, err := w.t.Next()
		switch {
		case err == io.EOF:
			return w.end()
		case err != nil:
			if err := w.repair(err); err != nil {
				return w.rest(err)
			}
			continue
		}
		if err := w.member(h, buf); err != nil {
			if err := w.repair(err); err != nil {
				return w.rest(err)
			}
		}
	}
}

// restart has the tar begin here, with blocks that were read already in front.
func (w *walk) restart(before []byte) {
	w.pad = 0
	w.tape.keep, w.tape.raw = true, append(w.tape.raw[:0], before...)
	w.t = tar.NewReader(io.MultiReader(bytes.NewReader(before), w.tape))
}

// member holds one member against its row.
func (w *walk) member(h *tar.Header, buf []byte) error {
	w.tape.keep = false
	at := w.tape.offset
	raw := w.tape.raw
	defer func() {
		w.pad = archive.Padding(h.Size)
		w.tape.keep, w.tape.raw = true, w.tape.raw[:0]
	}()
	if w.rows.full() {
		w.giveUpBefore(at)
	}
	row := w.rows.take(h.Name, func(r *index.Row) bool { return r.Size == h.Size && w.misplaced(r, at) == "" })
	if w.rows.err != nil {
		return w.rows.err
	}
	if row == nil {
		if err := w.stranger(h, at); err != nil {
			return err
		}
		_, err := io.CopyBuffer(io.Discard, onlyReader{w.t}, buf)
		return err
	}
	w.rows.first("member", h.Name, "")
	w.ours = row.Place != nil
	good := true
	say := func(kind FindingKind, detail string) {
		good = false
		w.find(about(kind, w.archive, row, at, detail))
	}
	if wrong := headerProblem(h, raw, w.pad, row); wrong != "" {
		say(BadHeader, wrong)
	}
	if wrong := w.misplaced(row, at); wrong != "" {
		say(BadPlace, wrong)
	} else if p := row.Place; p != nil && w.tape.gz && p.BlockLength >= 0 {
		promised := *row
		w.ends.expect(blockEnd{p.Block + p.BlockLength, at + h.Size, func(detail string) {
			w.find(about(BadPlace, w.archive, &promised, at, detail))
		}})
	}
	crc, checked, err := w.content(row, buf, say)
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || isStreamError(err) {
			w.find(about(Lost, w.archive, row, at, "its content cannot be read to its end"))
		}
		return err
	}
	w.ends.settle(w.tape, false)
	if good {
		w.matched(row, crc, checked)
	}
	return nil
}

// onlyReader hides what else a reader can do: io.Copy would have a tar.Reader
// seek or write.
type onlyReader struct{ io.Reader }

// content reads a member's content and compares its sums with the row's.
func (w *walk) content(row *index.Row, buf []byte, say func(FindingKind, string)) (crc uint64, checked bool, err error) {
	var sum hash.Hash
	if row.CRC64NVME == "" && isMD5(row.Checksum) {
		sum = md5.New()
	}
	var n int64
	for {
		k, err := w.t.Read(buf)
		n += int64(k)
		crc = crc64nvme.Update(crc, buf[:k])
		if sum != nil {
			sum.Write(buf[:k])
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, false, err
		}
	}
	wrong := ""
	switch {
	case n != row.Size:
		wrong = fmt.Sprintf("it has %d bytes, the index says %d", n, row.Size)
	case row.CRC64NVME != "":
		checked = true
		if got := object.CRC64NVME(crc).Value; got != row.CRC64NVME {
			wrong = fmt.Sprintf("its CRC64NVME is %s, the index says %s", got, row.CRC64NVME)
		}
	case sum != nil:
		checked = true
		if got := hex.EncodeToString(sum.Sum(nil)); got != row.Checksum {
			wrong = fmt.Sprintf("its MD5 is %s, the index says %s", got, row.Checksum)
		}
	}
	if wrong != "" {
		say(BadContent, wrong)
	}
	return crc, checked, nil
}

// stranger reports a member that no row names. At the end of ctx it reports
// nothing: rows may be missing for that alone.
func (w *walk) stranger(h *tar.Header, at int64) error {
	if err := context.Cause(w.tape.ctx); err != nil {
		return err
	}
	bucket, key, _ := strings.Cut(h.Name, "/")
	f := Finding{Kind: NoRow, Where: w.archive, Object: object.Location{Bucket: bucket, Key: key}, Offset: at,
		Detail: "the archive holds it, the index does not name it"}
	switch {
	case !w.rows.first("member", h.Name, ""):
		f.Kind, f.Detail = Twice, "the archive holds it more often than the index names it"
	case !isObject(h.Typeflag):
		f.Detail = fmt.Sprintf("a member of type %q, which no archive has", h.Typeflag)
	}
	w.find(f)
	return nil
}

// misplaced says how a row's place differs from where its content begins.
func (w *walk) misplaced(row *index.Row, at int64) string {
	p := row.Place
	if p == nil {
		return ""
	}
	offset, known := w.tape.tarOffset(p)
	switch {
	case known && offset == at:
		return ""
	case !w.tape.gz && (p.Block != 0 || p.BlockLength >= 0):
		return fmt.Sprintf("the index says that it is in a block at %d, but the archive is not compressed", p.Block)
	case !known:
		return fmt.Sprintf("the index says that it is in a block at %d, where none begins", p.Block)
	default:
		return fmt.Sprintf("the index says that it begins %d bytes further", offset-at)
	}
}

// giveUpBefore gives up the rows of places before this one, to make room.
func (w *walk) giveUpBefore(at int64) {
	w.rows.dropUntil(func(r *queuedRow) bool {
		if r.row.Place == nil || !w.rows.full() {
			return true
		}
		offset, known := w.tape.tarOffset(r.row.Place)
		return known && offset >= at
	}, w.noMember)
}

func (w *walk) noMember(row index.Row) {
	w.find(about(NoMember, w.archive, &row, -1, "the index names it, the archive does not hold it"))
}

func (w *walk) lost(row index.Row) {
	w.find(about(Lost, w.archive, &row, -1, "it is not there where the archive could be read"))
}

// end checks the archive's end, and that nothing is left of the index.
func (w *walk) end() error {
	raw := w.tape.raw
	w.tape.keep = false
	w.tape.raw = nil
	left := len(raw) - w.pad
	switch {
	case left < 2*tarBlock:
		w.find(Finding{Kind: Truncated, Where: w.archive, Offset: w.tape.offset, Detail: "it stops without the two empty blocks that end a tar"})
		w.damaged = true
	case !zero(raw):
		w.find(Finding{Kind: Damaged, Where: w.archive, Offset: w.tape.offset - int64(left), Detail: "the bytes that fill up its last blocks are not zero"})
	}
	if err := w.drain(); err != nil {
		return w.rest(w.structural(err))
	}
	w.ends.settle(w.tape, true)
	return w.rest(nil)
}

// drain reads what follows the end. The original filled its archives up with
// zeros to 10 KiB; ours end at once.
func (w *walk) drain() error {
	buf := make([]byte, 32<<10)
	for reported := false; ; {
		n, err := w.tape.Read(buf)
		if n > 0 && !reported && (w.ours || !zero(buf[:n])) {
			reported = true
			w.find(Finding{Kind: Trailing, Where: w.archive, Offset: w.tape.offset - int64(n), Detail: "there are bytes after its end"})
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// rest settles the rows that are left, and returns err.
func (w *walk) rest(err error) error {
	if err != nil && !errors.Is(err, errNoMore) {
		return err
	}
	settle := w.noMember
	if w.damaged {
		settle = w.lost
	}
	w.rows.dropUntil(func(*queuedRow) bool { return false }, settle)
	return w.rows.err
}

// zero reports whether b holds nothing but zeros.
func zero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

func isStreamError(err error) bool {
	var s *streamError
	return errors.As(err, &s)
}

// isMismatch reports whether the archive as a whole is not what S3 says.
func isMismatch(err error) bool { return fault.ReasonOf(err) == fault.ChecksumMismatch }
