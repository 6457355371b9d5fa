package retrieve

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"s3bundler/internal/archive"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// errNoMore says that an archive cannot be read any further, and that it has
// been reported.
var errNoMore = errors.New("nothing more can be read")

// structural reports an error of the archive's bytes as a finding and returns
// errNoMore; any other error it returns.
func (w *walk) structural(err error) error {
	var s *streamError
	f := Finding{Kind: Damaged, Where: w.archive, Offset: w.tape.offset}
	switch {
	case errors.As(err, &s) && errors.Is(err, io.ErrUnexpectedEOF):
		f.Kind, f.Offset, f.Detail = Truncated, s.in, "it stops inside the gzip member that begins here"
	case errors.As(err, &s):
		f.Offset, f.Detail = s.in, "the gzip member that begins here is damaged: "+err.Error()
	case errors.Is(err, tar.ErrHeader):
		f.Detail = "before here is no tar header"
	case errors.Is(err, io.ErrUnexpectedEOF):
		f.Kind, f.Detail = Truncated, "it stops inside a member"
	case isMismatch(err):
		f.Offset, f.Detail = -1, err.Error()
	default:
		return err
	}
	w.damaged = true
	w.find(f)
	return errNoMore
}

// repair reports damage and goes on behind it, where that can be found: at the
// next block of a compressed archive, at the next header of a row's member in
// a tar. It returns errNoMore if it cannot, and errors that are no damage.
func (w *walk) repair(err error) error {
	structural := w.structural(err)
	if !errors.Is(structural, errNoMore) {
		return structural
	}
	var s *streamError
	switch {
	case errors.As(err, &s):
		return w.nextBlock(s.in)
	case errors.Is(err, tar.ErrHeader):
		return w.nextHeader()
	default:
		return errNoMore
	}
}

// nextBlock goes on at the first block behind a gzip member.
func (w *walk) nextBlock(in int64) error {
	w.ends.due = nil
	row := w.rows.dropUntil(func(r *queuedRow) bool { return r.row.Place != nil && r.row.Place.Block > in }, w.lost)
	if row == nil || row.Place.Block >= w.tape.o.Size {
		return errNoMore
	}
	if err := w.tape.jump(row.Place.Block); err != nil {
		return err
	}
	w.restart(nil)
	return nil
}

// nextHeader looks for the header of a member that some row names.
func (w *walk) nextHeader() error {
	w.tape.keep = false
	if odd := (w.tape.offset - w.tape.aligns) % tarBlock; odd > 0 {
		if _, err := io.CopyN(io.Discard, w.tape, tarBlock-odd); err != nil {
			return w.unlessEnd(err)
		}
	}
	block := make([]byte, tarBlock)
	for {
		if _, err := io.ReadFull(w.tape, block); err != nil {
			return w.unlessEnd(err)
		}
		name, ok := plainName(block)
		if !ok || !w.rows.has(name) {
			continue
		}
		w.rows.dropUntil(func(r *queuedRow) bool { return r.name == name }, w.lost)
		w.restart(bytes.Clone(block))
		return nil
	}
}

// unlessEnd is errNoMore at the archive's end, and for damage that was met on
// the way, which it reports.
func (w *walk) unlessEnd(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errNoMore
	}
	return w.repair(err)
}

// plainName is the name in a ustar header that is whole.
func plainName(block []byte) (name string, ok bool) {
	if string(block[257:262]) != "ustar" || !isObject(block[156]) {
		return "", false
	}
	h, err := tar.NewReader(bytes.NewReader(block)).Next()
	if err != nil {
		return "", false
	}
	return h.Name, true
}

// headerProblem says how a member's header, and what fills up the content
// before it, differs from what its row asks for. raw is all of that, as it
// stands in the archive; pad bytes of it belong to the content before.
func headerProblem(h *tar.Header, raw []byte, pad int, row *index.Row) string {
	var wrong []string
	differ := func(what string, got, want any) {
		if got != want {
			wrong = append(wrong, fmt.Sprintf("its %s is %v, should be %v", what, got, want))
		}
	}
	differ("size", h.Size, row.Size)
	// The original took times as floats.
	differ("time", h.ModTime.Unix(), row.LastModified.Unix())
	differ("mode", h.Mode, int64(0o644))
	differ("uid", h.Uid, 0)
	differ("gid", h.Gid, 0)
	name := archive.MemberName(row.Bucket, object.DecodeKey(row.Key))
	typeflag := byte(archive.Regular)
	if row.Place != nil {
		typeflag = archive.Typeflag(name, row.Size)
	}
	differ("type", string(h.Typeflag), string(typeflag))
	pad = min(pad, len(raw))
	if !zero(raw[:pad]) {
		wrong = append(wrong, "the bytes that fill up the content before it are not zero")
	}
	if raw = raw[pad:]; row.Place != nil {
		// Our own headers are promised to the byte.
		want := archive.AppendHeader(nil, name, row.Size, row.LastModified)
		if len(wrong) == 0 && !bytes.HasSuffix(want, raw) {
			wrong = append(wrong, fmt.Sprintf("byte %d of it is not what was written", firstDifference(raw, want)))
		}
	} else if !paxPadded(raw) {
		wrong = append(wrong, "the bytes that fill up its extended header are not zero")
	}
	return strings.Join(wrong, ", ")
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// paxPadded reports whether extended headers are filled up with zeros.
func paxPadded(raw []byte) bool {
	for len(raw) >= 2*tarBlock && (raw[156] == 'x' || raw[156] == 'g') {
		size := int64(0)
		for _, c := range raw[124:135] {
			size = size<<3 | int64(c&7)
		}
		end := tarBlock + size + int64(archive.Padding(size))
		if size > keptRaw || end > int64(len(raw)) {
			return true // not all of it was kept
		}
		if !zero(raw[tarBlock+size : end]) {
			return false
		}
		raw = raw[end:]
	}
	return true
}
