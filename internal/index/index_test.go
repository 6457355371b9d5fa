package index_test

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"s3bundler/internal/archive"
	"s3bundler/internal/fault"
	"s3bundler/internal/index"
	"s3bundler/internal/object"

	"github.com/google/go-cmp/cmp"
)

var when = time.Date(2026, 11, 23, 11, 36, 13, 0, time.UTC)

// ordinary is the object of the original's recorded line.
func ordinary() index.Row {
	o := object.Object{Bucket: "src1", EncodedKey: "logs/000/obj-000000.bin", Size: 10240}
	attr := object.Attributes{
		Size: 10240, ETag: "6f4f5b396c1a28734abd6756db5e5a00", LastModified: when,
		Metadata: []object.Pair{{Name: "n", Value: "0"}},
	}
	return index.NewRow(o, attr, nil, "", "")
}

// recorded is what the original wrote for it, to the byte.
const recorded = `src1,logs/000/obj-000000.bin,10240,2026-11-23 11:36:13+00:00,"6f4f5b396c1a28734abd6756db5e5a00",n=0,`

var rows = []struct {
	name string
	row  func() index.Row
	line string
}{
	{"ordinary", ordinary, recorded + ",,,,,,"},
	{"placed in a tar", func() index.Row {
		r := ordinary()
		r.Place = &archive.Place{Offset: 512, BlockLength: -1}
		r.CRC64NVME = "AAAAAAAAAAA="
		return r
	}, recorded + ",512,0,,AAAAAAAAAAA=,,"},
	{"placed in a gzip block", func() index.Row {
		r := ordinary()
		r.Place = &archive.Place{Offset: 1536, Block: 70000, BlockLength: 300}
		r.VersionID = "v1"
		r.Headers = []object.Pair{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}}
		return r
	}, recorded + ",1536,70000,300,,v1,Content-Type=text/plain%3B charset%3Dutf-8"},
	{"all that needs quoting", func() index.Row {
		r := ordinary()
		r.Key = `a,b"c`
		r.Metadata = []object.Pair{{Name: "k", Value: "1,2;3=4%\n\"x\""}, {Name: "l", Value: ""}}
		r.Tags = []object.Tag{{Key: "a;b", Value: "c=d"}, {Key: "e", Value: ""}}
		return r
	}, `src1,"a,b""c",10240,2026-11-23 11:36:13+00:00,"6f4f5b396c1a28734abd6756db5e5a00",` +
		"\"k=1,2%3B3%3D4%25\n\"\"x\"\";l=\",Key=a%3Bb;Value=c%3Dd;Key=e;Value=,,,,,,"},
}

func TestRows(t *testing.T) {
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			row := tt.row()
			line := string(row.Append(nil))
			if line != tt.line+"\n" {
				t.Errorf("writes\n%swant\n%s", line, tt.line)
			}
			for got, err := range index.Read(strings.NewReader(line)) {
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(row, got); d != "" {
					t.Errorf("read back differs (-want +got):\n%s", d)
				}
			}
		})
	}
}

func TestNewRow(t *testing.T) {
	o := object.Object{Bucket: "b", EncodedKey: "k"}
	multi := object.Attributes{ETag: "0123-2", StorageClass: "STANDARD_IA", Headers: []object.Pair{{Name: "Content-Type", Value: "x"}}}
	r := index.NewRow(o, multi, nil, "d41d8cd98f00b204e9800998ecf8427e", "")
	if r.Checksum != "d41d8cd98f00b204e9800998ecf8427e" {
		t.Errorf("a multipart object's checksum is %q, want its MD5", r.Checksum)
	}
	if want := []object.Pair{{Name: "Content-Type", Value: "x"}, {Name: "X-Amz-Storage-Class", Value: "STANDARD_IA"}}; !reflect.DeepEqual(r.Headers, want) {
		t.Errorf("headers %v, want %v", r.Headers, want)
	}
	if r := index.NewRow(o, object.Attributes{ETag: "single"}, nil, "sum", ""); r.Checksum != "single" {
		t.Errorf("a single-part object's checksum is %q, want its ETag", r.Checksum)
	}
}

func TestReadsTheOriginals(t *testing.T) {
	const lines = recorded + "\n" +
		`src1,k,1,2026-11-23 11:36:13+00:00,"e",a=1,2,3;b=50%,Key=t;Value=u` + "\n" +
		`src1,k,1,2026-11-23 11:36:13+00:00,"e",a=1,2,3,4,5,6,7,` + "\n"
	want := [][]object.Pair{{{Name: "n", Value: "0"}}, {{Name: "a", Value: "1,2,3"}, {Name: "b", Value: "50%"}}, {{Name: "a", Value: "1,2,3,4,5,6,7"}}}
	i := 0
	for row, err := range index.Read(strings.NewReader(lines)) {
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(row.Metadata, want[i]) {
			t.Errorf("line %d: metadata %v, want %v", i+1, row.Metadata, want[i])
		}
		if row.Place != nil {
			t.Errorf("line %d: has a place", i+1)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d rows, want %d", i, len(want))
	}
}

func TestReadGoesOnAfterABadLine(t *testing.T) {
	for _, bad := range []string{
		"b,k,1", "b,k,many,2026-11-23 11:36:13+00:00,e,,", "b,k,-1,2026-11-23 11:36:13+00:00,e,,", "b,k,1,yesterday,e,,",
		`b,"k"x,1,2026-11-23 11:36:13+00:00,e,,`, "b,k,1,,e,,,99999999999999999999,0,,,,",
	} {
		var errs, good int
		for _, err := range index.Read(strings.NewReader(recorded + "\n" + bad + "\n" + recorded + "\n")) {
			switch {
			case err == nil:
				good++
			case errors.Is(err, index.ErrRow):
				errs++
				if !strings.HasPrefix(err.Error(), "line 2: not an index row") {
					t.Errorf("%q: %v", bad, err)
				}
			default:
				t.Errorf("%q: %v", bad, err)
			}
		}
		if errs != 1 || good != 2 {
			t.Errorf("%q: %d bad and %d good rows, want 1 and 2", bad, errs, good)
		}
	}
}

func TestDeadLetters(t *testing.T) {
	for _, tt := range []struct {
		letter index.DeadLetter
		line   string
	}{
		{index.DeadLetter{Bucket: "b", Key: "k", Size: "5", Reason: fault.NoSuchKey}, "b,k,5,,NoSuchKey\n"},
		{index.DeadLetter{Bucket: "b", Key: "a+b", Size: "5", LastModified: when, Reason: fault.Changed}, "b,a+b,5,2026-11-23 11:36:13+00:00,Changed\n"},
		{index.DeadLetter{Bucket: "b", Key: "k,\n", Size: "many", Reason: fault.BadRow}, "b,\"k,\n\",many,,BadRow\n"},
		{index.DeadLetter{Bucket: "b", Key: "k", Size: "5", Reason: fault.Retry, Versioned: true, VersionID: "v,1"}, "b,k,5,,Retry,\"v,1\"\n"},
		{index.DeadLetter{Bucket: "b", Key: "k", Size: "5", Reason: fault.Retry, Versioned: true}, "b,k,5,,Retry,\n"},
	} {
		line := string(tt.letter.Append(nil))
		if line != tt.line {
			t.Errorf("writes %q, want %q", line, tt.line)
		}
		for got, err := range index.ReadDeadLetters(strings.NewReader(line)) {
			if err != nil || got != tt.letter {
				t.Errorf("%q read back as %+v, %v", line, got, err)
			}
		}
	}
	for _, err := range index.ReadDeadLetters(strings.NewReader("b,k,5\n")) {
		if !errors.Is(err, index.ErrRow) {
			t.Errorf("a short line: %v", err)
		}
	}
}

func TestLines(t *testing.T) {
	var l index.Lines
	var want strings.Builder
	read := func() string {
		r, err := l.Reader()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got := read(); got != "" {
		t.Errorf("no lines read as %q", got)
	}
	for range 5000 {
		row := ordinary()
		if _, err := l.Write(row.Append(nil)); err != nil {
			t.Fatal(err)
		}
		want.WriteString(recorded + ",,,,,,\n")
	}
	if l.Memory() == 0 || l.Memory() > want.Len()/6 {
		t.Errorf("%d bytes take %d", want.Len(), l.Memory())
	}
	if got := read(); got != want.String() || l.Size() != int64(len(got)) {
		t.Errorf("%d bytes, %d were added, want %d", len(got), l.Size(), want.Len())
	}
}

func FuzzRead(f *testing.F) {
	for _, tt := range rows {
		f.Add(tt.line)
	}
	f.Add(recorded)
	f.Add("b,k,1,,e,a=1,2,3,4,5,6,7,8")
	f.Fuzz(func(t *testing.T, line string) {
		for row, err := range index.Read(strings.NewReader(line)) {
			if err != nil {
				continue
			}
			again := string(row.Append(nil))
			for back, err := range index.Read(strings.NewReader(again)) {
				if err != nil {
					t.Fatalf("%q was read as %+v, whose line %q cannot be read: %v", line, row, again, err)
				}
				// A carriage return before a newline is lost to every CSV reader.
				if d := cmp.Diff(row, back); d != "" && !strings.Contains(again, "\r") {
					t.Fatalf("%q: %s", line, d)
				}
			}
		}
	})
}

// TestTimes reads times after others of the same day and of another.
func TestTimes(t *testing.T) {
	const before = "b,k,1,2026-11-23 00:00:00+00:00,e,,\n"
	for text, want := range map[string]time.Time{
		"2026-11-23 23:59:59+00:00": time.Date(2026, 11, 23, 23, 59, 59, 0, time.UTC),
		"2026-11-24 00:00:01+00:00": time.Date(2026, 11, 24, 0, 0, 1, 0, time.UTC),
		"2026-11-23 01:02:03+02:00": time.Date(2026, 11, 22, 23, 2, 3, 0, time.UTC),
		"2026-11-23 24:00:00+00:00": {}, "2026-11-23 11:60:00+00:00": {}, "2026-11-23 11:36:60+00:00": {},
		"2026-11-23 11:3x:00+00:00": {}, "2026-11-23 11-36-00+00:00": {}, "2026-11-23T11:36:00+00:00": {},
		"2026-11-23 1a:36:00+00:00": {}, "2026-11-23 11:36:00+00:0": {}, "2026-02-30 11:36:00+00:00": {},
	} {
		n := 0
		for row, err := range index.Read(strings.NewReader(before + "b,k,1," + text + ",e,,\n")) {
			if n++; n == 1 {
				continue
			}
			if want.IsZero() != errors.Is(err, index.ErrRow) || !row.LastModified.Equal(want) {
				t.Errorf("%s: %v, %v", text, row.LastModified, err)
			}
		}
		if n != 2 {
			t.Errorf("%s: %d rows", text, n)
		}
	}
}
