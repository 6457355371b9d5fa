package inventory

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"go.uber.org/goleak"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const plainSchema = "Bucket, Key, Size, LastModifiedDate, StorageClass"

var file = object.Location{Bucket: "inv", Key: "data/part-0.csv.gz"}

func schema(t testing.TB, text string) Schema {
	t.Helper()
	s, err := ParseSchema(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func zip(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read starts to read f from r.
func read(t testing.TB, f File, r io.Reader) *Reading {
	reading := f.Read(t.Context(), func(context.Context) (io.ReadCloser, error) { return io.NopCloser(r), nil })
	t.Cleanup(reading.Close)
	return reading
}

// whole describes data as the report of an intact file does.
func whole(data []byte) File {
	return File{Location: file, Size: int64(len(data)), MD5: md5.Sum(data)}
}

// render reads all rows as text.
func render(t testing.TB, data []byte, s Schema) (got []string, err error) {
	return rendered(read(t, whole(data), bytes.NewReader(data)), s)
}

func rendered(r *Reading, s Schema) (got []string, err error) {
	for row, err := range r.Rows(s) {
		if err != nil {
			return got, err
		}
		got = append(got, fmt.Sprintf("%s %s %d %s %s %s %s %v %v", row.Bucket, row.Key, row.Size,
			row.VersionID, row.ETag, row.LastModified, row.StorageClass, row.DeleteMarker, row.NonCurrent))
	}
	return got, nil
}

func TestRows(t *testing.T) {
	for _, c := range []struct {
		name, schema, text string
		want               []string
	}{
		{"as S3 writes", plainSchema,
			"\"src1\",\"a%2Cb+c\",\"10240\",\"2017-03-30T18:06:00.000Z\",\"STANDARD\"\n\"src1\",\"z\",\"0\",\"\",\"GLACIER\"\n",
			[]string{"src1 a%2Cb+c 10240   2017-03-30T18:06:00.000Z STANDARD false false", "src1 z 0    GLACIER false false"}},
		{"all versions", "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ETag",
			"\"b\",\"k\",\"v3\",\"true\",\"true\",\"\",\"\"\n\"b\",\"k\",\"v2\",\"false\",\"false\",\"5\",\"abc\"\n",
			[]string{"b k 0 v3    true false", "b k 5 v2 abc   false true"}},
		{"unusual", "Bucket,Key,Size", "b,\"line\nbreak \"\"quoted\"\"\",7\r\n\nb,k,8", []string{"b line\nbreak \"quoted\" 7     false false", "b k 8     false false"}},
		{"unknown columns", "Key, Whatever, Size, Bucket", "k,x,1,b\n", []string{"b k 1     false false"}},
		{"no rows", "Bucket,Key,Size", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := render(t, zip(t, c.text), schema(t, c.schema))
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
	two := append(zip(t, "b,k,1\n"), zip(t, "b,l,2\n")...)
	if got, err := render(t, two, schema(t, "Bucket,Key,Size")); err != nil || len(got) != 2 {
		t.Errorf("two gzip members: got %q, %v", got, err)
	}
}

func TestRowsRefuses(t *testing.T) {
	good := "\"b\",\"k\",\"1\"\n"
	thousand := zip(t, strings.Repeat(good, 1000))
	flipped := bytes.Clone(thousand)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	for _, c := range []struct {
		name string
		data []byte
		rows int
		code int
		want string
	}{
		{"row too short", zip(t, good+"\"b\",\"k\"\n"), 1, 3, `line 2: the row has 2 columns where the schema "Bucket, Key, Size" has 3`},
		{"row too long", zip(t, good+good+"\"b\",\"k\",\"1\",\"\"\n"), 2, 3, "line 3: the row has 4 columns"},
		{"size no number", zip(t, "\"b\",\"k\",\"ten\"\n"), 0, 3, `line 1: size "ten" is no number of bytes`},
		{"size negative", zip(t, "b,k,-1\n"), 0, 3, `size "-1" is no number of bytes`},
		{"size empty", zip(t, "b,k,\n"), 0, 3, `size "" is no number of bytes`},
		{"size beyond S3", zip(t, "b,k,1234567890123456789\n"), 0, 3, "is no number of bytes"},
		{"no bucket", zip(t, ",k,1\n"), 0, 3, "line 1: the row has no bucket or no key"},
		{"no key", zip(t, "b,\"\",1\n"), 0, 3, "line 1: the row has no bucket or no key"},
		{"no CSV", zip(t, good+"\"b\",\"k,1\n"), 1, 3, "line 2: a quote is not closed"},
		{"a header", zip(t, "Bucket,Key,Size\n"), 0, 3, `line 1: size "Size" is no number`},
		{"truncated", thousand[:len(thousand)-10], -1, 6, "the gzip data ends too soon"},
		{"no trailer", thousand[:len(thousand)-8], -1, 6, "the gzip data ends too soon"},
		{"header alone", thousand[:10], 0, 6, "the gzip data ends too soon"},
		{"empty", nil, 0, 6, "the gzip data ends too soon"},
		{"wrong checksum", flipped, 1000, 6, "gzip: invalid checksum"},
		{"no gzip", []byte(strings.Repeat(good, 10)), 0, 6, "gzip: invalid header"},
		{"rubbish after it", append(bytes.Clone(thousand), "rubbish, more"...), 1000, 6, "gzip: invalid header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := render(t, c.data, schema(t, "Bucket, Key, Size"))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), file.String()) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if fault.ExitCode(err) != c.code {
				t.Errorf("exit code %d, want %d", fault.ExitCode(err), c.code)
			}
			if c.rows >= 0 && len(got) != c.rows {
				t.Errorf("%d rows before, want %d", len(got), c.rows)
			}
		})
	}
}

func TestReadingFails(t *testing.T) {
	broken := errors.New("connection lost")
	data := zip(t, strings.Repeat("\"b\",\"k\",\"1\"\n", 1000))
	s := schema(t, "Bucket, Key, Size")
	for n := range 3 {
		r := io.MultiReader(bytes.NewReader(data[:n*len(data)/3]), iotest.ErrReader(broken))
		if _, err := rendered(read(t, whole(data), r), s); err != broken {
			t.Errorf("a reader that fails: got %v", err)
		}
	}
	r := whole(data).Read(t.Context(), func(context.Context) (io.ReadCloser, error) { return nil, broken })
	defer r.Close()
	if _, err := rendered(r, s); err != broken {
		t.Errorf("it cannot be opened: got %v", err)
	}
}

// TestReadingEnds: closed in the middle, or with its context, a reading leaves
// nothing behind, and a body is closed whatever happens.
func TestReadingEnds(t *testing.T) {
	var text strings.Builder
	for i := range 120000 { // more than is read ahead
		fmt.Fprintf(&text, "\"b\",\"%x\",\"1\"\n", md5.Sum([]byte{byte(i), byte(i >> 8), byte(i >> 16)}))
	}
	data, s := zip(t, text.String()), schema(t, "Bucket, Key, Size")
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	body := &closeCounter{Reader: bytes.NewReader(data)}
	r := whole(data).Read(ctx, func(context.Context) (io.ReadCloser, error) { return body, nil })
	n := 0
	for _, err := range r.Rows(s) {
		if n++; n == 10 {
			cancel(why)
		}
		if err != nil && err != why {
			t.Error(err)
		}
	}
	if n < 10 || n > 110000 {
		t.Errorf("%d rows before the end", n)
	}
	r.Close()
	if body.closed != 1 {
		t.Errorf("closed %d times", body.closed)
	}
	r = whole(data).Read(t.Context(), func(context.Context) (io.ReadCloser, error) { return body, nil })
	for range r.Rows(s) {
		break // must not be called again
	}
	r.Close()
	if body.closed != 2 {
		t.Errorf("closed %d times", body.closed)
	}
	read(t, whole(data), bytes.NewReader(data)).Close() // nothing is ranged over
}

type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error { c.closed++; return nil }

func TestRowsDoNotAllocate(t *testing.T) {
	const n = 50000
	data := zip(t, strings.Repeat("\"src1\",\"logs/obj.bin\",\"10240\",\"2017-03-30T18:06:00.000Z\",\"STANDARD\"\n", n))
	s := schema(t, plainSchema)
	allocs := testing.AllocsPerRun(3, func() {
		for _, err := range read(t, whole(data), bytes.NewReader(data)).Rows(s) {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs > 300 {
		t.Errorf("%v allocations for %d rows", allocs, n)
	}
}

func TestSeal(t *testing.T) {
	s := schema(t, "Bucket, Key, Size")
	var text strings.Builder
	for i := range 60000 { // some pieces long
		fmt.Fprintf(&text, "\"b\",\"%x\",\"1\"\n", md5.Sum([]byte{byte(i), byte(i >> 8), byte(i >> 16)}))
	}
	data := zip(t, text.String())
	if len(data) < 3*pieceSize {
		t.Fatalf("only %d bytes", len(data))
	}
	first := read(t, whole(data), iotest.HalfReader(bytes.NewReader(data)))
	if got, err := rendered(first, s); len(got) != 60000 || err != nil || first.Fetched() != int64(len(data)) {
		t.Fatalf("%d rows, %d bytes, %v", len(got), first.Fetched(), err)
	}
	seal := first.Seal()
	again, err := io.ReadAll(seal.Reader(iotest.HalfReader(bytes.NewReader(data))))
	if err != nil || !bytes.Equal(again, data) {
		t.Errorf("the second reading gives %d of %d bytes, %v", len(again), len(data), err)
	}
	for _, pos := range []int{0, pieceSize - 1, pieceSize, 2*pieceSize + 5, len(data) - 1} {
		changed := bytes.Clone(data)
		changed[pos] ^= 1
		for name, r := range map[string]io.Reader{
			"changed": bytes.NewReader(changed),
			"cut":     bytes.NewReader(data[:pos]),
		} {
			got, err := io.ReadAll(seal.Reader(r))
			if fault.ExitCode(err) != 5 || len(got) > pos || !bytes.Equal(got, data[:len(got)]) {
				t.Errorf("%s at byte %d: got %d bytes, %v", name, pos, len(got), err)
			}
		}
	}
	broken := errors.New("connection lost")
	if _, err := io.ReadAll(seal.Reader(iotest.ErrReader(broken))); err != broken {
		t.Errorf("a reader that fails: got %v", err)
	}
}

// TestDamage: rows may have been yielded, but the end tells.
func TestDamage(t *testing.T) {
	s := schema(t, "Bucket, Key, Size")
	data := zip(t, "b,k,1\n")
	f := whole(data)
	other := f
	other.MD5[0] ^= 1
	badRow := zip(t, "b,k\n")
	for _, c := range []struct {
		name string
		data []byte
		file File
		code int
		want string
	}{
		{"wrong MD5", data, other, 3, "its MD5 is"},
		{"too short", data[:len(data)-3], f, 3, fmt.Sprintf("it has %d bytes, and the report says %d", len(data)-3, len(data))},
		{"too long", append(bytes.Clone(data), 0), f, 3, fmt.Sprintf("it has more than the %d bytes", len(data))},
		{"damage is told before what it leads to", badRow, File{Location: file, Size: int64(len(badRow)), MD5: f.MD5}, 3, "its MD5 is"},
		{"bad row", badRow, whole(badRow), 3, "line 1: the row has 2 columns"},
		{"bad gzip, as reported", data[:len(data)-3], whole(data[:len(data)-3]), 6, "the gzip data ends too soon"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := rendered(read(t, c.file, bytes.NewReader(c.data)), s)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), file.String()) || fault.ExitCode(err) != c.code {
				t.Errorf("exit code %d, %v; want %d, %s", fault.ExitCode(err), err, c.code, c.want)
			}
		})
	}
}

// FuzzRows: whatever the data, the rows end, and an error says where and has
// an exit code of its own.
func FuzzRows(f *testing.F) {
	f.Add([]byte("\"b\",\"k\",\"1\"\n"), true)
	f.Add([]byte("\"b\",\"k\"\n"), true)
	f.Add([]byte("\"b\",\"a\"\"b\",\"1\"\n\"b\",\"c\nd\",\"2\""), true)
	f.Add([]byte("\x1f\x8b\x08\x00"), false)
	f.Fuzz(func(t *testing.T, data []byte, text bool) {
		if text {
			data = zip(t, string(data))
		}
		s := schema(t, "Bucket, Key, Size")
		r := read(t, whole(data), bytes.NewReader(data))
		got, err := rendered(r, s)
		if code := fault.ExitCode(err); err != nil && (code != 3 && code != 6 || !strings.Contains(err.Error(), file.String())) {
			t.Errorf("exit code %d: %v", code, err)
		}
		if err != nil {
			return
		}
		again, err := rendered(read(t, whole(data), r.Seal().Reader(bytes.NewReader(data))), s)
		if err != nil || !slices.Equal(got, again) {
			t.Errorf("read again: %q, %v; first %q", again, err, got)
		}
	})
}

func benchmarkData(b *testing.B) []byte {
	var text strings.Builder
	for i := range 100000 {
		fmt.Fprintf(&text, "\"src1\",\"logs/2026/%02d/%02d/obj-%08d.bin\",\"%d\",\"2026-11-%02dT%02d:%02d:%02d.000Z\",\"STANDARD\"\n",
			i%12+1, i%28+1, i, i*7919%20000, i%28+1, i*31%24, i*37%60, i*41%60)
	}
	return zip(b, text.String())
}

func BenchmarkRows(b *testing.B) {
	data, s, n := benchmarkData(b), schema(b, plainSchema), 0
	for b.Loop() {
		r := read(b, whole(data), bytes.NewReader(data))
		for _, err := range r.Rows(s) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		r.Close()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkDecompress is the floor of BenchmarkRows.
func BenchmarkDecompress(b *testing.B) {
	data, n := benchmarkData(b), 0
	for b.Loop() {
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
		n += 100000
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}
