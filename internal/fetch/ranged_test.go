package fetch_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"

	"s3bundler/internal/fault"
	"s3bundler/internal/fetch"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// cutter breaks every body but the last bytes' after 1,000 bytes.
type cutter struct{ store.Reader }

func (c cutter) Open(ctx context.Context, o object.Object, r store.Range) (io.ReadCloser, object.Attributes, error) {
	body, attr, err := c.Reader.Open(ctx, o, r)
	if err == nil {
		body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(body, 1000), body}
	}
	return body, attr, err
}

func TestRanges(t *testing.T) {
	for _, tt := range []struct {
		name           string
		offset, length int64
		want           int // bytes
	}{
		{"the start", 0, 4000, 4000},
		{"the middle", 777, 2500, 2500},
		{"to the end", 4000, 0, 1000},
		{"beyond the end", 4500, 1000, 500},
		{"all", 0, 0, 5000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBucket(0)
				s := b.put("k", 5000)
				o := object.Object{Bucket: "b", Key: "k", ETag: s.etag}
				want := s.content[tt.offset:][:tt.want]
				r, attr, err := fetch.StreamRange(t.Context(), cutter{b}, o, store.Range{Offset: tt.offset, Length: tt.length})
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				got, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(got, want) || attr.Size != 5000 {
					t.Errorf("streamed %d bytes of %d, %v; want %d", len(got), attr.Size, err, len(want))
				}
				buf := make([]byte, max(tt.length, 1000))
				n, err := fetch.ReadRange(t.Context(), cutter{b}, o, tt.offset, buf, options(fetch.Chunk, 1))
				if wantN := min(len(buf), len(s.content)-int(tt.offset)); err != nil || n != wantN || !bytes.Equal(buf[:n], s.content[tt.offset:][:n]) {
					t.Errorf("read %d bytes, %v; want %d", n, err, wantN)
				}
			})
		})
	}
	b := newBucket(0)
	b.put("k", 5000)
	o := object.Object{Bucket: "b", Key: "k", ETag: "another"}
	if _, _, err := fetch.StreamRange(t.Context(), b, o, store.Range{Offset: 1}); fault.ReasonOf(err) != fault.Changed {
		t.Errorf("another ETag: %v", err)
	}
	if _, err := fetch.ReadRange(t.Context(), b, o, 1, make([]byte, 1), options(fetch.Chunk, 1)); fault.ReasonOf(err) != fault.Changed {
		t.Errorf("another ETag: %v", err)
	}
}
