package inventory

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

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

// render reads all rows as text.
func render(r io.Reader, s Schema) (got []string, err error) {
	for row, err := range Rows(r, file, s) {
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
			got, err := render(bytes.NewReader(zip(t, c.text)), schema(t, c.schema))
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
	two := append(zip(t, "b,k,1\n"), zip(t, "b,l,2\n")...)
	if got, err := render(bytes.NewReader(two), schema(t, "Bucket,Key,Size")); err != nil || len(got) != 2 {
		t.Errorf("two gzip members: got %q, %v", got, err)
	}
}

func TestRowsRefuses(t *testing.T) {
	good := "\"b\",\"k\",\"1\"\n"
	whole := zip(t, strings.Repeat(good, 1000))
	flipped := bytes.Clone(whole)
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
		{"truncated", whole[:len(whole)-10], -1, 6, "the gzip data ends too soon"},
		{"no trailer", whole[:len(whole)-8], -1, 6, "the gzip data ends too soon"},
		{"header alone", whole[:10], 0, 6, "the gzip data ends too soon"},
		{"empty", nil, 0, 6, "the gzip data ends too soon"},
		{"wrong checksum", flipped, 1000, 6, "gzip: invalid checksum"},
		{"no gzip", []byte(strings.Repeat(good, 10)), 0, 6, "gzip: invalid header"},
		{"rubbish after it", append(bytes.Clone(whole), "rubbish, more"...), 1000, 6, "gzip: invalid header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := render(bytes.NewReader(c.data), schema(t, "Bucket, Key, Size"))
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
	broken := errors.New("connection lost")
	for n := range 3 {
		r := io.MultiReader(bytes.NewReader(whole[:n*len(whole)/3]), iotest.ErrReader(broken))
		if _, err := render(r, schema(t, "Bucket, Key, Size")); err != broken {
			t.Errorf("a reader that fails: got %v", err)
		}
	}
}

func TestRowsDoNotAllocate(t *testing.T) {
	const n = 50000
	data := zip(t, strings.Repeat("\"src1\",\"logs/obj.bin\",\"10240\",\"2017-03-30T18:06:00.000Z\",\"STANDARD\"\n", n))
	s := schema(t, plainSchema)
	allocs := testing.AllocsPerRun(3, func() {
		for _, err := range Rows(bytes.NewReader(data), file, s) {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs > 100 {
		t.Errorf("%v allocations for %d rows", allocs, n)
	}
}

func described(data []byte) File {
	return File{Location: file, Size: int64(len(data)), MD5: md5.Sum(data)}
}

func TestVerify(t *testing.T) {
	s := schema(t, "Bucket, Key, Size")
	var text strings.Builder
	for i := range 200000 { // some pieces long
		fmt.Fprintf(&text, "\"b\",\"%x\",\"1\"\n", md5.Sum([]byte{byte(i), byte(i >> 8), byte(i >> 16)}))
	}
	data := zip(t, text.String())
	if len(data) < 3*pieceSize {
		t.Fatalf("only %d bytes", len(data))
	}
	seal, err := Verify(iotest.HalfReader(bytes.NewReader(data)), described(data), s)
	if err != nil {
		t.Fatal(err)
	}
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

func TestVerifyRefuses(t *testing.T) {
	s := schema(t, "Bucket, Key, Size")
	data := zip(t, "b,k,1\n")
	f := described(data)
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
		{"bad row", badRow, described(badRow), 3, "line 1: the row has 2 columns"},
		{"bad gzip, as reported", data[:len(data)-3], described(data[:len(data)-3]), 6, "the gzip data ends too soon"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Verify(bytes.NewReader(c.data), c.file, s)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), file.String()) || fault.ExitCode(err) != c.code {
				t.Errorf("exit code %d, %v; want %d, %s", fault.ExitCode(err), err, c.code, c.want)
			}
		})
	}
	broken := errors.New("connection lost")
	if _, err := Verify(io.MultiReader(bytes.NewReader(data[:9]), iotest.ErrReader(broken)), f, s); err != broken {
		t.Errorf("a reader that fails: got %v", err)
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
		got, err := render(bytes.NewReader(data), s)
		if code := fault.ExitCode(err); err != nil && (code != 3 && code != 6 || !strings.Contains(err.Error(), file.String())) {
			t.Errorf("exit code %d: %v", code, err)
		}
		seal, verr := Verify(bytes.NewReader(data), described(data), s)
		if (err == nil) != (verr == nil) {
			t.Fatalf("Rows: %v, Verify: %v", err, verr)
		}
		if err != nil {
			return
		}
		if again, err := render(seal.Reader(bytes.NewReader(data)), s); err != nil || !slices.Equal(got, again) {
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
		for _, err := range Rows(bytes.NewReader(data), file, s) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkVerify(b *testing.B) {
	data, s, n := benchmarkData(b), schema(b, plainSchema), 0
	for b.Loop() {
		if _, err := Verify(bytes.NewReader(data), described(data), s); err != nil {
			b.Fatal(err)
		}
		n += 100000
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
