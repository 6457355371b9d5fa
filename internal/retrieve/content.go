package retrieve

import (
	"context"
	"io"
	"iter"
	"strings"

	"s3bundler/internal/archive"
	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// content opens the bytes of one object, or the range part of them, which must
// lie inside. Where the row tells its place, this takes one request, which
// reads the object or the block it lies in; else the archive is read up to it.
func (a Archive) content(ctx context.Context, st store.Reader, row *index.Row, part store.Range) (io.ReadCloser, error) {
	if part.Length == 0 {
		part.Length = row.Size - part.Offset
	}
	p := row.Place
	switch {
	case part.Length == 0:
		return io.NopCloser(strings.NewReader("")), nil
	case a.Copy:
		return a.stream(ctx, st, part)
	case p == nil:
		return a.seek(ctx, st, row, part)
	case !a.Compressed:
		return a.stream(ctx, st, store.Range{Offset: p.Offset + part.Offset, Length: part.Length})
	}
	block := store.Range{Offset: p.Block, Length: max(p.BlockLength, 0)}
	r, err := a.inflate(ctx, st, block)
	if err != nil {
		return nil, err
	}
	return a.cut(r, r, p.Offset+part.Offset, part.Length)
}

func (a Archive) stream(ctx context.Context, st store.Reader, rg store.Range) (io.ReadCloser, error) {
	body, _, err := fetch.StreamRange(ctx, st, a.Object, rg)
	return body, fault.As(fault.Download, err)
}

// cut is n bytes of r from offset on. It closes c, also if it fails.
func (a Archive) cut(r io.Reader, c io.Closer, offset, n int64) (io.ReadCloser, error) {
	if k, err := io.CopyN(io.Discard, r, offset); err != nil {
		c.Close()
		if err == io.EOF && k < offset {
			err = io.ErrUnexpectedEOF
		}
		return nil, a.damaged(err)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r, n), c}, nil
}

// seek finds an object of which only the name is known by reading the archive
// up to it.
func (a Archive) seek(ctx context.Context, st store.Reader, row *index.Row, part store.Range) (io.ReadCloser, error) {
	name := archive.MemberName(row.Bucket, object.DecodeKey(row.Key))
	next, stop := iter.Pull2(a.members(ctx, st))
	for {
		m, err, ok := next()
		switch {
		case err != nil:
			stop()
			return nil, err
		case !ok:
			stop()
			return nil, &fault.Error{Kind: fault.Download, Reason: fault.NoSuchKey, Op: "find " + nameOf(row), Where: "in " + a.Object.Location().String(),
				Hint: "its index names it, but the archive holds no such member: s3bundler verify tells more"}
		case m.name == name && m.size == row.Size:
			return a.cut(m.content, closer(stop), part.Offset, part.Length)
		}
	}
}

// closer is a function that ends what is read.
type closer func()

func (c closer) Close() error {
	c()
	return nil
}
