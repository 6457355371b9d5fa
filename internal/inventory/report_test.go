package inventory

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

var at = object.Location{Bucket: "inv", Key: "src/export/2017-03-30T18-06Z/manifest.json"}

// golden reads a file of testdata/inventory.
func golden(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "inventory", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestReadReport(t *testing.T) {
	r, err := ReadReport(strings.NewReader(golden(t, "manifest.json")), at)
	if err != nil {
		t.Fatal(err)
	}
	if r.Location != at || r.SourceBucket != "src1" || r.Schema.String() != "Bucket, Key, Size, LastModifiedDate, StorageClass" {
		t.Errorf("got %+v", r)
	}
	if want := time.Date(2017, 3, 30, 18, 6, 0, 0, time.UTC); !r.Created.Equal(want) {
		t.Errorf("created %v, want %v", r.Created, want)
	}
	if len(r.Files) != 2 || r.Files[1].Location != (object.Location{Bucket: "inv", Key: "src/export/data/part-1.csv.gz"}) {
		t.Errorf("got files %+v", r.Files)
	}
	if r.Size() != r.Files[0].Size+r.Files[1].Size || r.Size() == 0 {
		t.Errorf("size %d", r.Size())
	}
}

// TestReadReportCreated: a report is good whatever its timestamp, which tells
// nothing that is needed.
func TestReadReportCreated(t *testing.T) {
	when := time.Date(2017, 3, 30, 18, 6, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		`"1490897160000"`: when, `1490897160000`: when, `"yesterday"`: {}, `null`: {}, `{}`: {}, `1e400`: {},
	} {
		report := strings.Replace(golden(t, "manifest.json"), `"1490897160000"`, text, 1)
		r, err := ReadReport(strings.NewReader(report), at)
		if err != nil || !r.Created.Equal(want) {
			t.Errorf("%s: created %v, %v; want %v", text, r.Created, err, want)
		}
	}
}

func TestReadReportRefuses(t *testing.T) {
	good := golden(t, "manifest.json")
	change := func(old, new string) string {
		t.Helper()
		if !strings.Contains(good, old) {
			t.Fatalf("no %s in the report", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	files := good[strings.Index(good, `"files"`) : strings.LastIndex(good, "]")+1]
	for _, c := range []struct{ name, text, want, hint string }{
		{"empty", "", "it is no inventory report: unexpected end of JSON input", "give the manifest.json"},
		{"a checksum file", "9bb58f26192e4ba00f01e2e7b136bbd8", "it is no inventory report: invalid character", "give the manifest.json"},
		{"cut off", good[:100], "it is no inventory report: unexpected end of JSON input", "give the manifest.json"},
		{"a list", "[]", "it is no inventory report: json: cannot unmarshal array", "give the manifest.json"},
		{"some other JSON", "{}", `its version is "", not 2016-11-30`, "give the manifest.json"},
		{"version", change("2016-11-30", "2030-01-01"), `its version is "2030-01-01", not 2016-11-30`, "give the manifest.json"},
		{"ORC", change(`"CSV"`, `"ORC"`), `its data files have the format "ORC", and only CSV can be read`, "to CSV"},
		{"Parquet", change(`"CSV"`, `"Parquet"`), `its data files have the format "Parquet"`, "to CSV"},
		{"no Size", change("Size, ", ""), `its schema "Bucket, Key, LastModifiedDate, StorageClass" has no column Size`, "add the column"},
		{"no Bucket", change("Bucket, ", ""), "has no column Bucket", "add the column"},
		{"two Keys", change("Size, ", "Size, Key, "), "has two columns Key", "add the column"},
		{"no files", change(files, `"files": []`), "it names no data files", "another delivery"},
		{"files missing", change(files, `"other": 1`), "it names no data files", "another delivery"},
		{"no key", change("src/export/data/part-1.csv.gz", ""), "data file 2 has no key", "another delivery"},
		{"same file twice", change("part-1.csv.gz", "part-0.csv.gz"), `data file "src/export/data/part-0.csv.gz" is named twice`, "another delivery"},
		{"no size", change(`"size"`, `"length"`), `data file "src/export/data/part-0.csv.gz" has no size`, "another delivery"},
		{"negative size", change(`"size": `, `"size": -`), "has no size", "another delivery"},
		{"size in words", change(`"size": `, `"size": "x", "x": `), "it is no inventory report: json: cannot unmarshal string", "give the manifest.json"},
		{"MD5 cut", change(`"MD5checksum": "`, `"MD5checksum": "", "x": "`), `has the MD5 "", which is none`, "another delivery"},
		{"MD5 no hex", change(`"MD5checksum": "`, `"MD5checksum": "zz`), "which is none", "another delivery"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadReport(strings.NewReader(c.text), at)
			if err == nil {
				t.Fatal("it was taken")
			}
			if fault.ExitCode(err) != 3 {
				t.Errorf("exit code %d", fault.ExitCode(err))
			}
			for _, part := range []string{"read inventory report " + at.String() + ": ", c.want, c.hint} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("no %q in %q", part, err)
				}
			}
		})
	}
}

func TestReadReportFails(t *testing.T) {
	broken := errors.New("connection lost")
	if _, err := ReadReport(iotest.ErrReader(broken), at); err != broken {
		t.Errorf("got %v", err)
	}
	if _, err := ReadReport(iotest.DataErrReader(strings.NewReader(strings.Repeat(" ", maxReport+1))), at); fault.ExitCode(err) != 3 || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("a report without end: got %v", err)
	}
}

func FuzzReadReport(f *testing.F) {
	f.Add(golden(f, "manifest.json"))
	f.Add(`{"version":"2016-11-30","fileFormat":"CSV","fileSchema":"Bucket, Key, Size","files":[{"key":"k","size":0,"MD5checksum":"d41d8cd98f00b204e9800998ecf8427e"}]}`)
	f.Add(`{"fileFormat":"ORC"}`)
	f.Add("null")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ReadReport(strings.NewReader(text), at)
		if err != nil {
			if fault.ExitCode(err) != 3 || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("exit code %d: %v", fault.ExitCode(err), err)
			}
			return
		}
		if len(r.Files) == 0 || !r.Schema.Has("Bucket") || !r.Schema.Has("Key") || !r.Schema.Has("Size") {
			t.Errorf("taken: %+v", r)
		}
		for _, file := range r.Files {
			if file.Location.Key == "" || file.Location.Bucket != at.Bucket || file.Size < 0 {
				t.Errorf("taken: %+v", file)
			}
		}
	})
}
