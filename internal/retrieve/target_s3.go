package retrieve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
	"s3bundler/internal/upload"
)

const (
	// partSize and partsAhead bound the memory of one streamed object.
	partSize   = 8 << 20
	partsAhead = 2
)

// bucketTarget restores into a bucket, or into those that objects came from.
type bucketTarget struct {
	st     store.Store
	bucket string // empty: the source's own
	prefix string
	class  string // storage class in place of the objects' own
	taken  taken
}

// ToBucket restores below a prefix, which ends in a slash or is empty. class,
// if it is set, is the storage class of all objects; else they get their own.
func ToBucket(st store.Store, to object.Location, class string) Target {
	return &bucketTarget{st: st, bucket: to.Bucket, prefix: to.Key, class: class, taken: newTaken()}
}

// ToSource restores to the buckets that the objects came from.
func ToSource(st store.Store, class string) Target {
	return &bucketTarget{st: st, class: class, taken: newTaken()}
}

func (b *bucketTarget) place(row *index.Row, key string) (object.Location, error) {
	to := object.Location{Bucket: b.bucket, Key: b.prefix + key}
	if b.bucket == "" {
		to.Bucket = row.Bucket
	}
	switch {
	case key == "" || to.Bucket == "":
		return to, refuse(BadName, to.String(), errors.New("nothing is left of its key"))
	case len(to.Key) > object.MaxKey:
		return to, refuse(BadName, to.String(), fmt.Errorf("the key would have %d bytes, S3 takes %d", len(to.Key), object.MaxKey))
	}
	if err := b.taken.take(to.Bucket+"/"+to.Key, row); err != nil {
		return to, refuse(Duplicate, to.String(), err)
	}
	return to, nil
}

func (b *bucketTarget) fresh(ctx context.Context) (bool, error) {
	if b.bucket == "" {
		return false, nil
	}
	for _, err := range b.st.List(ctx, object.Location{Bucket: b.bucket, Key: b.prefix}) {
		return false, targetError(err)
	}
	return true, nil
}

// options are what the object is stored with: as it was.
func (b *bucketTarget) options(row *index.Row, over bool) (store.PutOptions, error) {
	opt := store.PutOptions{Metadata: row.Metadata, Tags: row.Tags, StorageClass: b.class, IfAbsent: !over}
	for _, h := range row.Headers {
		switch {
		case h.Name != index.StorageClassHeader:
			opt.Headers = append(opt.Headers, h)
		case b.class == "":
			opt.StorageClass = h.Value
		}
	}
	for _, p := range opt.Metadata {
		if p.Name == "" || strings.Trim(p.Name, tokenChars) != "" || strings.ContainsFunc(p.Value, isControl) {
			return opt, refuse(fault.BadRow, "S3", fmt.Errorf("its metadata %q cannot be sent", p.Name))
		}
	}
	return opt, nil
}

// tokenChars are those of a header's name (RFC 9110, section 5.6.2).
const tokenChars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func (b *bucketTarget) put(ctx context.Context, to object.Location, row *index.Row, content []byte, over bool) error {
	opt, err := b.options(row, over)
	if err != nil {
		return err
	}
	_, err = b.st.Put(ctx, to, content, opt)
	return b.explain(err, to, row)
}

func (b *bucketTarget) stream(ctx context.Context, to object.Location, row *index.Row, r io.Reader, over bool) error {
	opt, err := b.options(row, over)
	if err != nil {
		return err
	}
	w := upload.New(ctx, b.st, to, upload.Options{PartSize: partSize, Parallel: partsAhead, Put: opt})
	if _, err := io.Copy(w, r); err != nil {
		return errors.Join(b.explain(err, to, row), w.Abort())
	}
	_, err = w.Close()
	return b.explain(err, to, row)
}

func (b *bucketTarget) copies() bool { return true }

func (b *bucketTarget) copy(ctx context.Context, to object.Location, row *index.Row, from Archive, over bool) error {
	opt := store.PutOptions{StorageClass: b.class, IfAbsent: !over}
	for _, h := range row.Headers {
		if h.Name == index.StorageClassHeader && b.class == "" {
			opt.StorageClass = h.Value
		}
	}
	_, err := b.st.Copy(ctx, from.Object, from.Attr, row.Tags, to, opt)
	return b.explain(err, to, row)
}

// explain gives the error of a write its reason, or its kind.
func (b *bucketTarget) explain(err error, to object.Location, row *index.Row) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrExists):
		return refuse(Exists, to.String(), errExists)
	case fault.ReasonOf(err) == "" && fault.Transient(err):
		return refuse(fault.Retry, to.String(), err)
	}
	return fault.As(fault.Upload, err)
}

var (
	errExists = errors.New("another object is there: give --existing overwrite to replace it")
	errUnlike = errors.New("an object with the same content but other metadata or headers is there: give --existing overwrite to replace it")
)

func (b *bucketTarget) name(to object.Location) string { return to.String() }
