package grouper

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// memory is a store in memory with the calls that the grouper makes.
type memory struct {
	store.Store // the other calls are not there

	mu      sync.Mutex
	objects map[object.Location]stored
	puts    []object.Location // in the order in which they came
	// broken makes a call fail: "GetObject", "PutObject" and so on, of a location.
	broken func(op string, at object.Location) error
	// opened is told of every body; it may replace it.
	opened func(at object.Location, body []byte) []byte
}

type stored struct {
	body []byte
	opt  store.PutOptions
}

func newMemory() *memory { return &memory{objects: map[object.Location]stored{}} }

func (m *memory) set(at object.Location, body []byte) { m.objects[at] = stored{body: body} }

func (m *memory) fail(ctx context.Context, op string, at object.Location) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if m.broken != nil {
		return m.broken(op, at)
	}
	return nil
}

func (m *memory) get(ctx context.Context, op string, o object.Object) (stored, object.Attributes, error) {
	if err := m.fail(ctx, op, o.Location()); err != nil {
		return stored{}, object.Attributes{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.objects[o.Location()]
	if !ok {
		return stored{}, object.Attributes{}, &fault.Error{Kind: fault.Download, Reason: fault.NoSuchKey, Op: op, Where: o.Location().String(), Err: errors.New("no such key")}
	}
	return s, object.Attributes{
		Size: int64(len(s.body)), ETag: fmt.Sprintf("%x", md5.Sum(s.body)), Metadata: s.opt.Metadata,
	}, nil
}

func (m *memory) Open(ctx context.Context, o object.Object, r store.Range) (io.ReadCloser, object.Attributes, error) {
	s, attr, err := m.get(ctx, "GetObject", o)
	if err != nil {
		return nil, attr, err
	}
	body := s.body
	if m.opened != nil {
		body = m.opened(o.Location(), body)
	}
	return io.NopCloser(bytes.NewReader(body[r.Offset:])), attr, nil
}

func (m *memory) Head(ctx context.Context, o object.Object) (object.Attributes, error) {
	_, attr, err := m.get(ctx, "HeadObject", o)
	return attr, err
}

func (m *memory) Put(ctx context.Context, l object.Location, body []byte, opt store.PutOptions) (store.Stored, error) {
	if err := m.fail(ctx, "PutObject", l); err != nil {
		return store.Stored{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.objects[l]; ok && opt.IfAbsent {
		return store.Stored{}, fault.New(fault.Upload, "PutObject", l.String(), store.ErrExists, "")
	}
	m.objects[l] = stored{bytes.Clone(body), opt}
	m.puts = append(m.puts, l)
	return store.Stored{Size: int64(len(body))}, nil
}

func (m *memory) List(ctx context.Context, prefix object.Location) iter.Seq2[object.Object, error] {
	return func(yield func(object.Object, error) bool) {
		if err := m.fail(ctx, "ListObjectsV2", prefix); err != nil {
			yield(object.Object{}, err)
			return
		}
		m.mu.Lock()
		var found []object.Object
		for at, s := range m.objects {
			if at.Bucket == prefix.Bucket && strings.HasPrefix(at.Key, prefix.Key) {
				found = append(found, object.Object{Bucket: at.Bucket, Key: at.Key, ETag: fmt.Sprintf("%x", md5.Sum(s.body))})
			}
		}
		m.mu.Unlock()
		slices.SortFunc(found, func(a, b object.Object) int { return strings.Compare(a.Key, b.Key) })
		for _, o := range found {
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (m *memory) Delete(ctx context.Context, o object.Object) error {
	if err := m.fail(ctx, "DeleteObject", o.Location()); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.objects[o.Location()]; o.ETag != fmt.Sprintf("%x", md5.Sum(s.body)) {
		return &fault.Error{Kind: fault.API, Reason: fault.Changed, Op: "DeleteObject", Where: o.Location().String()}
	}
	delete(m.objects, o.Location())
	return nil
}

// written gives the manifests as "key: content", in order of their keys.
func (m *memory) written() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for at, s := range m.objects {
		if at.Bucket == "out" {
			out = append(out, at.Key+": "+string(s.body))
		}
	}
	slices.Sort(out)
	return out
}

var report = object.Location{Bucket: "inv", Key: "src/export/2017-03-30T18-06Z/manifest.json"}

const plainSchema = "Bucket, Key, Size, LastModifiedDate, StorageClass"

// deliver puts an inventory with one data file for each text into m.
func deliver(t testing.TB, m *memory, schema string, texts ...string) {
	t.Helper()
	var files []string
	for i, text := range texts {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprintf("src/export/data/part-%d.csv.gz", i)
		m.set(object.Location{Bucket: "inv", Key: key}, b.Bytes())
		files = append(files, fmt.Sprintf(`{"key":%q,"size":%d,"MD5checksum":"%x"}`, key, b.Len(), md5.Sum(b.Bytes())))
	}
	m.set(report, fmt.Appendf(nil, `{"sourceBucket":"src1","destinationBucket":"arn:aws:s3:::inv","version":"2016-11-30",`+
		`"creationTimestamp":"1490897160000","fileFormat":"CSV","fileSchema":%q,"files":[%s]}`, schema, strings.Join(files, ",")))
}

// row is a row as S3 writes it for plainSchema.
func row(key string, size int64, class string) string {
	return fmt.Sprintf("\"src1\",\"%s\",\"%d\",\"2017-03-30T18:06:00.000Z\",\"%s\"\n", key, size, class)
}
