package catalog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"s3bundler/internal/object"
)

// Source is an index, or a big object's metadata, whose rows are in the
// catalogue.
type Source struct {
	Index object.Location
	// ETag is that of the index when it was read.
	ETag string
	// Archive is where the content lies; empty if that is not known.
	Archive object.Location
	// Copy says that it is a big object's copy.
	Copy bool
}

// sourceState is a Source with what the file says of its rows.
type sourceState struct {
	Source
	rows int64
	// live is unset for a source that was removed, or not read to its end:
	// its rows do not count.
	live bool
}

// root is the list of all that is in the file. It does not change once it is
// written: an update makes another.
type root struct {
	sequence uint64
	buckets  []string
	sources  []sourceState
	segments []segment
	end      int64 // of what counts in the file
	// unfinished is set until the update that made the file is committed.
	unfinished bool
}

// live is the number of rows that count, dead that of those that do not.
func (r *root) live() (live, dead int64) {
	for _, s := range r.sources {
		if s.live {
			live += s.rows
		}
	}
	for _, s := range r.segments {
		dead += s.rows
	}
	return live, dead - live
}

// The flags of a source, and those of the whole, which may be left out.
const (
	flagLive, flagCopy = 1, 2
	flagUnfinished     = 1
)

func (r *root) encode() []byte {
	var b []byte
	b = binary.AppendUvarint(b, uint64(len(r.buckets)))
	for _, s := range r.buckets {
		b = appendString(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(r.sources)))
	for _, s := range r.sources {
		flags := uint64(0)
		if s.live {
			flags |= flagLive
		}
		if s.Copy {
			flags |= flagCopy
		}
		b = binary.AppendUvarint(b, flags)
		b = binary.AppendUvarint(b, uint64(s.rows))
		for _, t := range []string{s.Index.Bucket, s.Index.Key, s.ETag, s.Archive.Bucket, s.Archive.Key} {
			b = appendString(b, t)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(r.segments)))
	for _, s := range r.segments {
		b = s.append(b)
	}
	if r.unfinished { // what is finished ends here, as ever
		b = binary.AppendUvarint(b, flagUnfinished)
	}
	return b
}

func decodeRoot(plain []byte) (*root, error) {
	d := decoder{b: plain}
	r := &root{}
	for range d.count() {
		r.buckets = append(r.buckets, d.string())
	}
	for range d.count() {
		flags := d.uvarint()
		s := sourceState{rows: int64(d.uvarint()), live: flags&flagLive != 0}
		s.Copy = flags&flagCopy != 0
		for _, t := range []*string{&s.Index.Bucket, &s.Index.Key, &s.ETag, &s.Archive.Bucket, &s.Archive.Key} {
			*t = d.string()
		}
		r.sources = append(r.sources, s)
	}
	for range d.count() {
		r.segments = append(r.segments, decodeSegment(&d))
		if d.err != nil {
			break
		}
	}
	if len(d.b) > 0 {
		r.unfinished = d.uvarint()&flagUnfinished != 0
	}
	return r, d.err
}

// The head of the file: a line that says what it is, and two slots, each in a
// sector of its own so that writing one cannot harm the other.
const (
	magic      = "s3bundler catalogue 1\n"
	sector     = 4096
	headLength = 3 * sector
)

// slot says where a root lies.
type slot struct{ sequence, offset, length uint64 }

const slotLength = 3*8 + 4

func (s slot) encode() []byte {
	b := make([]byte, 0, slotLength)
	for _, v := range []uint64{s.sequence, s.offset, s.length} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeSlot(b []byte) (s slot, ok bool) {
	if binary.LittleEndian.Uint32(b[slotLength-4:]) != crc32.Checksum(b[:slotLength-4], castagnoli) {
		return s, false
	}
	for i, v := range []*uint64{&s.sequence, &s.offset, &s.length} {
		*v = binary.LittleEndian.Uint64(b[8*i:])
	}
	return s, s.sequence > 0 && s.offset >= headLength && s.offset < 1<<62 && s.length < 1<<31
}

// readRoot finds the newest root.
func readRoot(f io.ReaderAt, c *codec) (*root, error) {
	head := make([]byte, headLength)
	if n, err := f.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, err
	} else if n < headLength || !bytes.HasPrefix(head, []byte(magic)) {
		return nil, fmt.Errorf("%w: it is no catalogue of this version", ErrDamaged)
	}
	// A slot is written when all that it leads to is on the disk, so that only
	// the slot itself can be unfinished.
	var newest slot
	for i := range 2 {
		if s, ok := decodeSlot(head[(1+i)*sector:]); ok && s.sequence > newest.sequence {
			newest = s
		}
	}
	if newest.sequence == 0 {
		return nil, damaged("it leads nowhere")
	}
	return newest.read(f, c)
}

func (s slot) read(f io.ReaderAt, c *codec) (*root, error) {
	sealed, err := io.ReadAll(io.NewSectionReader(f, int64(s.offset), int64(s.length)))
	if err != nil {
		return nil, err
	}
	plain, err := c.unseal(nil, sealed)
	if err != nil {
		return nil, err
	}
	r, err := decodeRoot(plain)
	if err != nil {
		return nil, err
	}
	r.sequence, r.end = s.sequence, int64(s.offset+s.length)
	return r, nil
}
