package submit

import (
	"bufio"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

func TestReadReports(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want []object.Location
		err  string
	}{
		{"one a line", "s3://b/1/manifest.json\ns3://b/2/manifest.json\n",
			[]object.Location{{Bucket: "b", Key: "1/manifest.json"}, {Bucket: "b", Key: "2/manifest.json"}}, ""},
		{"blank lines, spaces, CRLF, no last line end", "\n  s3://b/k \r\n\t\n\ns3://b/a b?#%",
			[]object.Location{{Bucket: "b", Key: "k"}, {Bucket: "b", Key: "a b?#%"}}, ""},
		{"nothing", "\n \n", nil, ""},
		{"one bad line", "s3://b/k\n\nhttp://b/k\n", nil,
			`read f line 3: "http://b/k" is no S3 URI: write s3://bucket/key; nothing was submitted`},
		{"bad lines", "x\ns3://b/k\ns3://b/\n", nil,
			`read f lines 1, 3: the first: "x" is no S3 URI: write s3://bucket/key; nothing was submitted`},
		{"many bad lines", strings.Repeat("x\n", 12), nil,
			`read f lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more: the first: "x" is no S3 URI: write s3://bucket/key; nothing was submitted`},
		{"what aws prints without [Key]", "s3://b/k\ns3://b/1\ts3://b/2\n", nil,
			`read f line 2: "s3://b/1\ts3://b/2" holds the control character '\t': write one URI a line and nothing else; nothing was submitted`},
		{"own output", "s3://b/1\tarn:aws:ecs:eu-west-1:1:task/c/1\n", nil,
			`read f line 1: "s3://b/1\tarn:aws:ecs:eu-west-1:1:task/c/1" holds the control character '\t': write one URI a line and nothing else; nothing was submitted`},
		{"CR alone", "s3://b/1\rs3://b/2\r", nil,
			`read f line 1: "s3://b/1\rs3://b/2" holds the control character '\r': write one URI a line and nothing else; nothing was submitted`},
		{"NUL", "s3://b/1\x00s3://b/2\x00", nil,
			`read f line 1: "s3://b/1\x00s3://b/2\x00" holds the control character '\x00': write one URI a line and nothing else; nothing was submitted`},
		{"no UTF-8", "s3://b/\xff\n", nil, `read f line 1: "s3://b/\xff" is not UTF-8, as every key of S3 is; nothing was submitted`},
		{"the longest key", "s3://b/" + strings.Repeat("k", 1024), []object.Location{{Bucket: "b", Key: strings.Repeat("k", 1024)}}, ""},
		{"a longer key", "s3://b/" + strings.Repeat("k", 1025), nil,
			`read f line 1: its key has 1025 bytes, and no key of S3 more than 1024; nothing was submitted`},
		{"a line without end", "s3://b/k\ns3://b/" + strings.Repeat("k", bufio.MaxScanTokenSize), nil,
			`read f line 2: longer than 65536 bytes; nothing was submitted`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadReports(strings.NewReader(tt.in), "f")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if tt.err == "" && err == nil {
				return
			}
			if err == nil || err.Error() != tt.err || fault.KindOf(err) != fault.Read {
				t.Errorf("got  %v\nwant %s", err, tt.err)
			}
		})
	}
}

func TestReadReportsBrokenInput(t *testing.T) {
	broken := errors.New("broken")
	_, err := ReadReports(iotest.ErrReader(broken), "f")
	if !errors.Is(err, broken) || fault.KindOf(err) != fault.Read {
		t.Errorf("got %v", err)
	}
}

func FuzzReadReports(f *testing.F) {
	for _, s := range []string{"", "s3://b/k", "\n\ns3://b/k\r\nx", "s3:///k", "s3://b", "\xff\n\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := ReadReports(strings.NewReader(in), "f")
		if err != nil {
			if got != nil || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %v with %v", got, err)
			}
			return
		}
		var again strings.Builder
		for _, l := range got {
			again.WriteString(l.String() + "\n")
		}
		back, err := ReadReports(strings.NewReader(again.String()), "f")
		if diff := cmp.Diff(got, back); err != nil || diff != "" {
			t.Fatalf("%v %s", err, diff)
		}
	})
}
