package retrieve

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"s3bundler/internal/archive"
	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// isObject reports whether members of this type hold objects.
func isObject(typeflag byte) bool {
	return typeflag == archive.Regular || typeflag == archive.Dumpdir
}

// member is an object in a tar.
type member struct {
	name     string
	size     int64
	modified time.Time
	// place is nil in a compressed archive, which must be read from its start.
	place *archive.Place
	// content is good until the next member is asked for.
	content io.Reader
}

// row is all that a tar says of an object.
func (m member) row() index.Row {
	bucket, key, _ := strings.Cut(m.name, "/")
	return index.Row{
		Bucket: bucket, Key: object.EncodeKey(key), Size: m.size, LastModified: m.modified.UTC().Truncate(time.Second), Place: m.place,
	}
}

// members yields the objects of a tar, compressed or not, in one reading
// from start to end that passes over content nobody reads. An archive that is
// cut off where it could have ended is an error in the end.
func (a Archive) members(ctx context.Context, st store.Reader) iter.Seq2[member, error] {
	return func(yield func(member, error) bool) {
		r, err := a.tar(ctx, st)
		if err != nil {
			yield(member{}, err)
			return
		}
		defer r.Close()
		t := tar.NewReader(r)
		after := int64(0) // the last content
		for {
			h, err := t.Next()
			switch {
			case err == io.EOF && !r.ended(after):
				yield(member{}, fault.New(fault.Read, "read", a.Object.Location().String(), errNoEnd, "it was cut off, and members may be missing: get the whole of it again"))
				return
			case err == io.EOF:
				return
			case err != nil:
				yield(member{}, a.damaged(err))
				return
			}
			after = r.offset
			if !isObject(h.Typeflag) {
				continue
			}
			after += h.Size + int64(archive.Padding(h.Size))
			m := member{name: h.Name, size: h.Size, modified: h.ModTime, content: explained{t, a}}
			if !a.Compressed {
				m.place = &archive.Place{Offset: r.offset, BlockLength: -1}
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// errNoEnd says that a tar does not end as POSIX has it. A tar.Reader takes any
// end between members for one.
var errNoEnd = errors.New("it stops without the two empty blocks that end a tar")

// tar opens the tar stream.
func (a Archive) tar(ctx context.Context, st store.Reader) (*stream, error) {
	if !a.Compressed {
		return &stream{ReadCloser: &skipper{ctx: ctx, st: st, o: a.Object}}, nil
	}
	r, err := a.inflate(ctx, st, store.Range{})
	return &stream{ReadCloser: r}, err
}

// stream is a tar on its way past: it knows where it is, and its last bytes.
type stream struct {
	io.ReadCloser
	offset int64
	last   []byte // up to as many as end a tar
}

const tarEnd = 2 * tarBlock

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.offset += int64(n)
	s.last = append(s.last, p[max(0, n-tarEnd):n]...)
	s.last = append(s.last[:0], s.last[max(0, len(s.last)-tarEnd):]...)
	return n, err
}

// Seek moves forward, if the stream can.
func (s *stream) Seek(n int64, whence int) (int64, error) {
	to, ok := s.ReadCloser.(io.Seeker)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	at, err := to.Seek(n, whence)
	s.offset = max(s.offset, at)
	return at, err
}

// ended reports whether two empty blocks were read behind the content that
// ends at an offset.
func (s *stream) ended(after int64) bool {
	return s.offset-after >= tarEnd && len(s.last) == tarEnd && zero(s.last)
}

// inflate opens a run of gzip members of the archive, which may be all of it.
func (a Archive) inflate(ctx context.Context, st store.Reader, rg store.Range) (io.ReadCloser, error) {
	if a.Object.Size == 0 {
		return nil, a.damaged(io.ErrUnexpectedEOF)
	}
	body, _, err := fetch.StreamRange(ctx, st, a.Object, rg)
	if err != nil {
		return nil, fault.As(fault.Download, err)
	}
	z, err := gzip.NewReader(bufio.NewReaderSize(body, 32<<10))
	if err != nil {
		body.Close()
		return nil, a.damaged(err)
	}
	return struct {
		io.Reader
		io.Closer
	}{explained{z, a}, body}, nil
}

// explained is content of an archive whose errors say where.
type explained struct {
	r io.Reader
	a Archive
}

func (e explained) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && err != io.EOF {
		err = e.a.damaged(err)
	}
	return n, err
}

// damaged gives an error that comes from the archive's bytes its place and
// kind; others stay as they are.
func (a Archive) damaged(err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return fault.As(fault.Download, err)
	}
	kind := fault.Kind(0)
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(err, &corrupt), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		kind = fault.Compress
	case errors.Is(err, io.ErrUnexpectedEOF) && a.Compressed:
		kind = fault.Compress
	case errors.Is(err, tar.ErrHeader), errors.Is(err, io.ErrUnexpectedEOF):
		kind = fault.Read
	default:
		return err // the end of the context
	}
	return fault.New(kind, "read", a.Object.Location().String(), err, "the archive is damaged: s3bundler verify tells how far")
}
