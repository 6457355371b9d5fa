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
// from start to end that passes over content nobody reads.
func (a Archive) members(ctx context.Context, st store.Reader) iter.Seq2[member, error] {
	return func(yield func(member, error) bool) {
		r, at, err := a.tar(ctx, st)
		if err != nil {
			yield(member{}, err)
			return
		}
		defer r.Close()
		t := tar.NewReader(r)
		for {
			h, err := t.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(member{}, a.damaged(err))
				return
			}
			if !isObject(h.Typeflag) {
				continue
			}
			m := member{name: h.Name, size: h.Size, modified: h.ModTime, content: explained{t, a}}
			if at != nil {
				m.place = &archive.Place{Offset: at(), BlockLength: -1}
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// tar opens the tar stream. at tells the offset read up to, where there is
// one that can be used.
func (a Archive) tar(ctx context.Context, st store.Reader) (r io.ReadCloser, at func() int64, err error) {
	if a.Compressed {
		r, err := a.inflate(ctx, st, store.Range{})
		return r, nil, err
	}
	s := &skipper{ctx: ctx, st: st, o: a.Object}
	return s, func() int64 { return s.offset }, nil
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
