package retrieve

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"s3bundler/internal/fault"
	"s3bundler/internal/layout"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// Store is what this package needs of S3 to read. Its methods may be called
// from many goroutines.
type Store interface {
	store.Reader
	store.Lister
}

// Source is something objects can be given back from: an archive with its
// index, an archive alone, or the copy of a big object with its metadata.
type Source struct {
	// Index lists the objects: an archive's index or a copy's metadata. An
	// empty key means an archive alone, which lists itself.
	Index object.Object
	// Data holds their content, as far as it is known: the copy, or the archive
	// beside the index; two where it was written with and without compression.
	// With an Index it may be nil: then it is looked for when it is needed.
	Data []object.Object
	// Copy says that this is the copy of a big object.
	Copy bool

	// half says that a listing showed the index alone, or the data alone.
	half bool
}

const (
	indexEnding    = ".index"
	tarEnding      = ".tar"
	gzipEnding     = ".tar.gz"
	metadataEnding = ".metadata"
	bigObjects     = "bigobjects"
)

// Where is what the source is called: its index, or the archive alone.
func (s Source) Where() object.Location {
	if s.Index.Key == "" && len(s.Data) > 0 {
		return s.Data[0].Location()
	}
	return s.Index.Location()
}

// Archive is the object with the content, if it is known without asking.
func (s Source) Archive() (l object.Location, ok bool) {
	if len(s.Data) != 1 {
		return l, false
	}
	return s.Data[0].Location(), true
}

// data are the objects that may hold the content.
func (s Source) data() []object.Object {
	if s.Data != nil {
		return s.Data
	}
	l := s.Index.Location()
	if s.Copy {
		l.Key = strings.TrimSuffix(l.Key, metadataEnding)
		return []object.Object{object.At(l)}
	}
	stem := strings.TrimSuffix(l.Key, indexEnding)
	return []object.Object{
		object.At(object.Location{Bucket: l.Bucket, Key: stem + tarEnding}),
		object.At(object.Location{Bucket: l.Bucket, Key: stem + gzipEnding}),
	}
}

// pin asks for the ETags that a listing would have told.
func (s Source) pin(ctx context.Context, st store.Reader) (Source, error) {
	if s.Index.Key != "" {
		attr, err := st.Head(ctx, s.Index)
		if err != nil {
			return s, fault.As(fault.Download, err)
		}
		s.Index.ETag, s.Index.Size = attr.ETag, attr.Size
	}
	data := s.data()
	s.Data = nil
	for _, o := range data {
		attr, err := st.Head(ctx, o)
		if fault.ReasonOf(err) == fault.NoSuchKey && s.Index.Key != "" {
			continue // who wants the content is told
		}
		if err != nil {
			return Source{Data: data}, fault.As(fault.Download, err)
		}
		o.ETag, o.Size = attr.ETag, attr.Size
		s.Data = append(s.Data, o)
	}
	return s, nil
}

// Archive is an archive, or the copy of a big object, that is there and can be
// read.
type Archive struct {
	// Object names it and, by its ETag, pins what is read of it.
	Object object.Object
	Attr   object.Attributes
	// Compressed says that it is gzip; Copy that it is one object, not a tar.
	Compressed, Copy bool
}

// Find looks for the source's archive. indexed are the attributes of its
// index, which says by ETag what archive it is of; anyETag takes any. An
// archive that must be restored first is an error with reason Glacier, and
// given all the same.
func (s Source) Find(ctx context.Context, st store.Reader, indexed object.Attributes, anyETag bool) (Archive, error) {
	want := ""
	if !anyETag && !s.Copy {
		want = valueOf(indexed.Metadata, layout.ArchiveETag)
	}
	var other *Archive
	for _, o := range s.data() {
		attr, err := st.Head(ctx, o)
		if fault.ReasonOf(err) == fault.NoSuchKey {
			continue
		}
		if err != nil {
			return Archive{}, fault.As(fault.Download, err)
		}
		o.ETag, o.Size = attr.ETag, attr.Size
		a := Archive{Object: o, Attr: attr, Copy: s.Copy, Compressed: !s.Copy && strings.HasSuffix(o.Key, gzipEnding)}
		if want == "" || want == attr.ETag {
			return a, a.cold()
		}
		other = &a
	}
	if other == nil {
		return Archive{}, s.noData()
	}
	return Archive{}, &fault.Error{Kind: fault.Read, Op: "read", Where: other.Object.Location().String(),
		Err: fmt.Errorf("its ETag is %s, but %s is of an archive with ETag %s", other.Attr.ETag, s.Where(), want),
		Hint: "the archive was replaced after its index was written: bundle its manifest again; or, if the archive was only copied, " +
			"give --any-etag: every object is checked all the same"}
}

// noData is the error of a source whose archive or copy is not there.
func (s Source) noData() *fault.Error {
	e := &fault.Error{Kind: fault.Download, Reason: fault.NoSuchKey, Op: "find the archive of", Where: s.Where().String(), Err: errors.New("there is none beside it"),
		Hint: "if it was deleted, so must be the index; if it was moved, move the index too"}
	if s.Copy {
		e.Op, e.Err, e.Hint = "find the copy of", errors.New("there is none beside these metadata"), "if it was deleted, so must be they; if it was moved, move them too"
	}
	return e
}

// noIndex is the error of a source that has nothing that lists it. Its index is
// stored last, so that this may be a bundle's work.
func (s Source) noIndex() *fault.Error {
	e := &fault.Error{Kind: fault.Download, Reason: fault.NoSuchKey, Op: "find the index of", Where: s.Where().String(), Err: errors.New("there is none beside it"),
		Hint: "its bundle is not finished, or its index is gone: name the archive itself to read it without"}
	if s.Copy {
		e.Op, e.Err, e.Hint = "find the metadata of", errors.New("there are none beside it"), "its bundle is not finished, or they are gone: the copy is the whole object, which any S3 client reads"
	}
	return e
}

// whole is an error if only half of the source is there.
func (s Source) whole() error {
	switch {
	case !s.half:
		return nil
	case s.Index.Key == "":
		return s.noIndex()
	}
	return s.noData()
}

// cold is the error of an archive that must be restored before it can be read.
func (a Archive) cold() error {
	if !a.Attr.Archived {
		return nil
	}
	hint := "ask for a readable copy with --request-restore Standard --days 7"
	if strings.Contains(a.Attr.Restore, `ongoing-request="true"`) {
		hint = "its restore is under way: wait for it with --wait, or come back in some hours"
	}
	return &fault.Error{Kind: fault.Download, Reason: fault.Glacier, Op: "read", Where: a.Object.Location().String(),
		Err: fmt.Errorf("it is in storage class %s and must be restored first", a.Attr.StorageClass), Hint: hint}
}

func valueOf(pairs []object.Pair, name string) string {
	for _, p := range pairs {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}
