package grouper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"s3bundler/internal/fault"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options() Options {
	opt := Defaults()
	opt.Bucket, opt.Prefix = "out", "manifests"
	return opt
}

// group runs the grouper and gives what it logged.
func group(t testing.TB, m *memory, opt Options) (Stats, string, error) {
	t.Helper()
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelWarn}))
	stats, err := Run(t.Context(), m, report, opt, log)
	return stats, logged.String(), err
}

// TestGolden holds the manifests of the recorded inventory to the byte.
func TestGolden(t *testing.T) {
	folder := filepath.Join("..", "..", "testdata", "inventory")
	m := newMemory()
	for name, key := range map[string]string{
		"manifest.json": report.Key,
		"part-0.csv.gz": "src/export/data/part-0.csv.gz",
		"part-1.csv.gz": "src/export/data/part-1.csv.gz",
	} {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		m.set(object.Location{Bucket: "inv", Key: key}, data)
	}
	opt := options()
	if _, _, err := group(t, m, opt); err != nil {
		t.Fatal(err)
	}
	opt.Glacier = true
	if _, _, err := group(t, m, opt); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"manifests/src-export-2017-03-30T18-06Z-manifest.0.index",
		"manifests/src-export-2017-03-30T18-06Z-manifest.1.index",
		"manifests/src-export-2017-03-30T18-06Z-manifest.0.glacier.index",
	} {
		want, err := os.ReadFile(filepath.Join(folder, filepath.Base(key)))
		if err != nil {
			t.Fatal(err)
		}
		got := m.objects[object.Location{Bucket: "out", Key: key}]
		if !bytes.Equal(got.body, want) {
			t.Errorf("%s:\n%s\nwant\n%s", key, got.body, want)
		}
	}
	if got := m.written(); len(got) != 3 {
		t.Errorf("%d manifests: %q", len(got), got)
	}
}

func TestSelection(t *testing.T) {
	versions := "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ETag, LastModifiedDate, StorageClass"
	version := func(key, id, latest, marker, size string) string {
		return fmt.Sprintf("\"src1\",\"%s\",\"%s\",\"%s\",\"%s\",\"%s\",\"e-%s\",\"2017-03-30T18:06:00.000Z\",\"STANDARD\"\n", key, id, latest, marker, size, id)
	}
	mixed := row("a/1", 1, "STANDARD") + row("a/2", 2, "GLACIER") + row("b/3", 3, "DEEP_ARCHIVE") +
		row("b+c/4", 4, "GLACIER_IR") + row("b%20c/5", 5, "") + row("b%2Bc/6", 6, "STANDARD_IA") + row("a%2Cq", 7, "REDUCED_REDUNDANCY")
	history := version("k", "v3", "true", "true", "") + version("k", "v2", "false", "false", "5") + version("l", "v1", "true", "false", "6")
	for _, c := range []struct {
		name, schema, text string
		change             func(*Options)
		want               string
		stats              Stats
	}{
		{name: "ordinary", text: mixed,
			want:  "src1,a/1,1\nsrc1,b+c/4,4\nsrc1,b%20c/5,5\nsrc1,b%2Bc/6,6\nsrc1,a%2Cq,7\n",
			stats: Stats{Rows: 7, Objects: 5, Bytes: 23, OtherClass: 2, Written: 1}},
		{name: "glacier", text: mixed, change: func(o *Options) { o.Glacier = true },
			want:  "src1,a/2,2\nsrc1,b/3,3\n",
			stats: Stats{Rows: 7, Objects: 2, Bytes: 5, OtherClass: 5, Written: 1}},
		{name: "include matches decoded keys", text: mixed, change: func(o *Options) { o.Include = "b c/" },
			want:  "src1,b+c/4,4\nsrc1,b%20c/5,5\n",
			stats: Stats{Rows: 7, Objects: 2, Bytes: 9, Excluded: 5, Written: 1}},
		{name: "nothing is left", text: mixed, change: func(o *Options) { o.Include = "nowhere/" },
			stats: Stats{Rows: 7, Excluded: 7}},
		{name: "no rows", stats: Stats{}},
		{name: "no storage class", schema: "Size, Key, Bucket", text: "\"3\",\"k\",\"src1\"\n",
			want: "src1,k,3\n", stats: Stats{Rows: 1, Objects: 1, Bytes: 3, Written: 1}},
		{name: "no storage class, glacier", schema: "Size, Key, Bucket", text: "\"3\",\"k\",\"src1\"\n", change: func(o *Options) { o.Glacier = true },
			stats: Stats{Rows: 1, OtherClass: 1}},
		{name: "raw key", schema: "Bucket, Key, Size", text: "\"src1\",\"a,b\"\"c\",\"3\"\n",
			want: "src1,\"a,b\"\"c\",3\n", stats: Stats{Rows: 1, Objects: 1, Bytes: 3, Written: 1}},
		{name: "all versions", schema: versions, text: history,
			change: func(o *Options) { o.Fields = columns(t, "Bucket Key Size VersionId ETag LastModifiedDate") },
			want:   "src1,k,5,v2,e-v2,2017-03-30T18:06:00.000Z\nsrc1,l,6,v1,e-v1,2017-03-30T18:06:00.000Z\n",
			stats:  Stats{Rows: 3, Objects: 2, Bytes: 11, Markers: 1, Written: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMemory()
			if c.schema == "" {
				c.schema = plainSchema
			}
			deliver(t, m, c.schema, c.text)
			opt := options()
			if c.change != nil {
				c.change(&opt)
			}
			var last Stats
			opt.Progress = func(s Stats) { last = s }
			stats, logged, err := group(t, m, opt)
			if err != nil {
				t.Fatal(err)
			}
			if last.Rows != stats.Rows || last.Read != stats.Size || stats.Size == 0 {
				t.Errorf("progress %+v, stats %+v", last, stats)
			}
			stats.Read, stats.Size = 0, 0
			if d := cmp.Diff(c.stats, stats); d != "" {
				t.Error(d)
			}
			var want []string
			if c.want != "" {
				ending := ".index: "
				if opt.Glacier {
					ending = ".glacier.index: "
				}
				want = []string{"manifests/src-export-2017-03-30T18-06Z-manifest.0" + ending + c.want}
			}
			if d := cmp.Diff(want, m.written()); d != "" {
				t.Error(d)
			}
			if logged != "" {
				t.Errorf("logged %q", logged)
			}
		})
	}
}

func columns(t testing.TB, names string) manifest.Fields {
	t.Helper()
	f, err := manifest.ParseFields([]string{names})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestBadInput: each is one line with what, where and what to do, has its exit
// code, and nothing is written.
func TestBadInput(t *testing.T) {
	first := object.Location{Bucket: "inv", Key: "src/export/data/part-0.csv.gz"}
	rows := strings.Repeat(row("k", 1, "STANDARD"), 10)
	replace := func(m *memory, at object.Location, old, new string) {
		m.set(at, bytes.Replace(m.objects[at].body, []byte(old), []byte(new), 1))
	}
	for _, c := range []struct {
		name  string
		spoil func(m *memory, opt *Options)
		code  int
		want  []string
	}{
		{"truncated data file", func(m *memory, _ *Options) {
			m.set(first, m.objects[first].body[:20])
		}, 3, []string{"verify inventory " + first.String() + ": it has 20 bytes, and the report says", "take another delivery"}},
		{"truncated gzip, as reported", func(m *memory, _ *Options) {
			deliver(t, m, plainSchema, rows)
			body := m.objects[first].body
			cut := body[:len(body)-9]
			replace(m, report, fmt.Sprintf(`"size":%d`, len(body)), fmt.Sprintf(`"size":%d`, len(cut)))
			replace(m, report, sumOf(body), sumOf(cut))
			m.set(first, cut)
		}, 6, []string{"decompress inventory " + first.String() + ": the gzip data ends too soon", "take another delivery"}},
		{"row short of a field", func(m *memory, _ *Options) {
			deliver(t, m, plainSchema, rows+"\"src1\",\"k\",\"1\"\n"+rows)
		}, 3, []string{"read inventory " + first.String() + " line 11: the row has 3 columns where the schema", "take another delivery"}},
		{"bad row in the second file", func(m *memory, opt *Options) {
			opt.MaxRows = 11
			deliver(t, m, plainSchema, rows, rows+"\"src1\",\"k\",\"1\"\n"+rows)
		}, 3, []string{"data/part-1.csv.gz line 11: the row has 3 columns"}},
		{"size no number", func(m *memory, _ *Options) {
			deliver(t, m, plainSchema, strings.Replace(rows, `"1"`, `"one"`, 1))
		}, 3, []string{first.String() + ` line 1: size "one" is no number of bytes`, "take another delivery"}},
		{"no files", func(m *memory, _ *Options) {
			deliver(t, m, plainSchema)
		}, 3, []string{"read inventory report " + report.String() + ": it names no data files", "take another delivery"}},
		{"wrong MD5", func(m *memory, _ *Options) {
			replace(m, report, sumOf(m.objects[first].body), strings.Repeat("0", 32))
		}, 3, []string{"verify inventory " + first.String() + ": its MD5 is", "take another delivery"}},
		{"ORC", func(m *memory, _ *Options) { replace(m, report, `"CSV"`, `"ORC"`) }, 3, []string{report.String(), `the format "ORC"`, "set the inventory's output format to CSV"}},
		{"Parquet", func(m *memory, _ *Options) { replace(m, report, `"CSV"`, `"Parquet"`) }, 3, []string{report.String(), `the format "Parquet"`}},
		{"no Size", func(m *memory, _ *Options) { replace(m, report, "Size, ", "") }, 3, []string{report.String(), "no column Size", "add the column"}},
		{"no ETag to write", func(_ *memory, opt *Options) {
			opt.Fields = columns(t, "Bucket Key Size ETag")
		}, 3, []string{report.String(), "no column ETag", "add the column to the inventory's configuration, or leave it out"}},
		{"all versions without their IDs", func(m *memory, _ *Options) {
			deliver(t, m, "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size", "\"src1\",\"k\",\"v1\",\"true\",\"false\",\"1\"\n")
		}, 2, []string{report.String() + ": it lists all versions of the objects, and manifests without version IDs stand for current ones alone",
			`give -f "Bucket Key Size VersionId" here and to s3bundler`}},
		{"no report", func(m *memory, _ *Options) { delete(m.objects, report) }, 5, []string{"GetObject " + report.String() + ": no such key"}},
		{"no data file", func(m *memory, _ *Options) { delete(m.objects, first) }, 5, []string{"GetObject " + first.String() + ": no such key"}},
		{"no bucket to write to", func(m *memory, _ *Options) {
			m.broken = func(op string, at object.Location) error {
				if op == "PutObject" {
					return &fault.Error{Op: op, Where: at.String(), Err: store.ErrNoBucket, Hint: "check the bucket's name"}
				}
				return nil
			}
		}, 4, []string{"PutObject s3://out/manifests/src-export", "bucket does not exist", "check the bucket's name"}},
		{"no bucket given", func(_ *memory, opt *Options) { opt.Bucket = "" }, 2, []string{"no bucket for the manifests is given"}},
		{"no threshold", func(_ *memory, opt *Options) { opt.MaxRows = 0 }, 2, []string{"the count threshold must be 1 or more"}},
		{"no size threshold", func(_ *memory, opt *Options) { opt.MaxBytes = 0 }, 2, []string{"the size threshold must be 1 byte or more"}},
		{"other columns", func(_ *memory, opt *Options) { opt.Fields = columns(t, "Key Bucket Size") }, 2, []string{`"Key Bucket Size" do not start with`}},
		{"columns that make no sense", func(_ *memory, opt *Options) { opt.Fields = columns(t, "Bucket Key Size Reason") }, 2, []string{"hold another than"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMemory()
			deliver(t, m, plainSchema, rows)
			opt := options()
			c.spoil(m, &opt)
			_, _, err := group(t, m, opt)
			if err == nil {
				t.Fatal("no error")
			}
			if fault.ExitCode(err) != c.code {
				t.Errorf("exit code %d, want %d", fault.ExitCode(err), c.code)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("no %q in %q", part, err)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %q", err)
			}
			if got := m.written(); len(got) > 0 {
				t.Errorf("written: %q", got)
			}
		})
	}
}

// incompressible gives a data file of n rows for the schema Bucket, Key, Size.
func incompressible(seed uint64, n int) string {
	var text strings.Builder
	for i := seed; i < seed+uint64(n); i++ {
		fmt.Fprintf(&text, "\"src1\",\"%016x%016x\",\"1\"\n", i*0x9E3779B97F4A7C15, i*0xBF58476D1CE4E5B9^i<<7)
	}
	return text.String()
}

// TestLargeFiles: what becomes of files too large for their batches to be held
// does not depend on it.
func TestLargeFiles(t *testing.T) {
	texts := []string{incompressible(0, 300), incompressible(1000, 2000), incompressible(5000, 10), incompressible(9000, 2500), incompressible(20000, 70)}
	var results [][]string
	for _, maxHeld := range []int{0, 1 << 10, 50 << 10, 100 << 10, maxHeld} {
		m := newMemory()
		deliver(t, m, "Bucket, Key, Size", texts...)
		opens := map[object.Location]int{}
		m.opened = func(at object.Location, body []byte) []byte {
			m.mu.Lock()
			defer m.mu.Unlock()
			opens[at]++
			return body
		}
		opt := options()
		opt.MaxRows = 130
		r := &run{store: m, log: slog.New(slog.DiscardHandler), opt: opt, maxHeld: maxHeld}
		stats, err := r.do(t.Context(), report)
		if err != nil || stats.Objects != 4880 || stats.Rows != 4880 || stats.Written != 38 || stats.Read != stats.Size {
			t.Errorf("with %d held: %+v, %v", maxHeld, stats, err)
		}
		large := object.Location{Bucket: "inv", Key: "src/export/data/part-3.csv.gz"}
		if want := map[bool]int{true: 1, false: 2}[maxHeld >= 100<<10]; opens[large] != want {
			t.Errorf("with %d held, the largest was opened %d times", maxHeld, opens[large])
		}
		results = append(results, m.written())
	}
	for _, got := range results {
		if d := cmp.Diff(results[4], got); d != "" {
			t.Fatal(d)
		}
	}
	rows := 0
	for _, w := range results[4] {
		rows += strings.Count(w, "\n")
	}
	if rows != 4880 {
		t.Errorf("%d rows in the manifests", rows)
	}
}

// TestDamageInLargeFiles: of a file that changes between its two readings,
// nothing that is not verified gets into a manifest.
func TestDamageInLargeFiles(t *testing.T) {
	const n = 60000
	text := incompressible(0, n)
	first := object.Location{Bucket: "inv", Key: "src/export/data/part-0.csv.gz"}
	m := newMemory()
	deliver(t, m, "Bucket, Key, Size", text)
	opens := 0
	m.opened = func(at object.Location, body []byte) []byte {
		if at != first {
			return body
		}
		if opens++; opens == 2 {
			body = bytes.Clone(body)
			body[len(body)/2] ^= 1
		}
		return body
	}
	opt := options()
	opt.MaxRows = 1000
	r := &run{store: m, log: slog.New(slog.DiscardHandler), opt: opt, maxHeld: 50 << 10}
	_, err := r.do(t.Context(), report)
	if fault.ExitCode(err) != 5 || !strings.Contains(err.Error(), first.String()+": it has changed since it was verified") {
		t.Errorf("opened %d times: %v", opens, err)
	}
	if got := len(m.written()); got > n/2000 {
		t.Errorf("%d manifests of the half that is right", got)
	}
	rows := strings.ReplaceAll(text, `"`, "")
	for _, w := range m.written() {
		_, body, _ := strings.Cut(w, ": ")
		if !strings.Contains(rows, body) {
			t.Error("a manifest has what the inventory does not")
		}
	}
}

func TestExisting(t *testing.T) {
	m := newMemory()
	deliver(t, m, plainSchema, row("a", 1, "STANDARD")+row("b", 2, "STANDARD")+row("c", 3, "STANDARD"))
	opt := options()
	opt.MaxRows = 1
	key := func(n int) object.Location {
		return object.Location{Bucket: "out", Key: fmt.Sprintf("manifests/src-export-2017-03-30T18-06Z-manifest.%d.index", n)}
	}
	run := func(written, existing int64) {
		t.Helper()
		stats, _, err := group(t, m, opt)
		if err != nil || stats.Written != written || stats.Existing != existing {
			t.Fatalf("written %d, existing %d, %v; want %d, %d", stats.Written, stats.Existing, err, written, existing)
		}
	}
	run(3, 0)
	before := m.written()
	m.puts = nil
	run(0, 3)
	delete(m.objects, key(1))
	run(1, 2)
	if !slices.Equal(m.puts, []object.Location{key(1)}) || !slices.Equal(m.written(), before) {
		t.Errorf("put %v, now %q", m.puts, m.written())
	}
	// Without the digest, as others write it, the ETag tells.
	m.set(key(0), []byte("src1,a,1\n"))
	run(0, 3)

	m.set(key(0), []byte("src1,x,1\n"))
	_, _, err := group(t, m, opt)
	want := "store manifest " + key(0).String() + ": a manifest of other content is there; give another --key, or --overwrite to replace it"
	if err == nil || err.Error() != want || fault.ExitCode(err) != 4 {
		t.Errorf("other content: exit code %d, %v", fault.ExitCode(err), err)
	}
	opt.Overwrite = true
	run(3, 0)
	if !slices.Equal(m.written(), before) {
		t.Errorf("overwritten: %q", m.written())
	}
	opt.Overwrite = false

	// A caller who may write and not read.
	m.broken = func(op string, at object.Location) error {
		if op == "HeadObject" {
			return &fault.Error{Kind: fault.Download, Reason: fault.AccessDenied, Op: op, Where: at.String()}
		}
		return nil
	}
	if _, _, err := group(t, m, opt); !errors.Is(err, store.ErrExists) || fault.ExitCode(err) != 4 {
		t.Errorf("existing and unreadable: exit code %d, %v", fault.ExitCode(err), err)
	}
	opt.Suffix = "other"
	run(3, 0)
}

// TestFewerManifests: what an earlier run has left behind the last manifest
// would be archived too, and its rows twice.
func TestFewerManifests(t *testing.T) {
	m := newMemory()
	deliver(t, m, plainSchema, row("a", 1, "STANDARD"), row("b", 2, "STANDARD")+row("c", 3, "GLACIER"))
	one := options()
	one.MaxRows = 1
	key := func(name string) object.Location {
		return object.Location{Bucket: "out", Key: "manifests/src-export-2017-03-30T18-06Z-manifest" + name}
	}
	if _, _, err := group(t, m, one); err != nil {
		t.Fatal(err)
	}
	cold := one
	cold.Glacier = true
	if _, _, err := group(t, m, cold); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".1.index.dlq", ".01.index", "-2.5.index", ".index", ".x.index"} {
		m.set(key(name), []byte("not ours"))
	}
	before := m.written()

	// The first manifest is the same, the second is not made.
	short := one
	short.Include = "a"
	_, _, err := group(t, m, short)
	want := "store manifests " + key(".1.index").String() + ": this run has 1 manifest, and an earlier one has left this behind them;" +
		" give another --key, or --overwrite to delete it"
	if err == nil || err.Error() != want || fault.ExitCode(err) != 4 {
		t.Errorf("exit code %d, %v", fault.ExitCode(err), err)
	}
	if !slices.Equal(m.written(), before) {
		t.Errorf("now there are %q", m.written())
	}

	all := options()
	all.Overwrite = true
	stats, _, err := group(t, m, all)
	if err != nil || stats.Written != 1 || stats.Removed != 1 {
		t.Fatalf("%+v, %v", stats, err)
	}
	wantKeys := slices.DeleteFunc(before, func(s string) bool { return strings.HasPrefix(s, key(".1.index").Key+": ") })
	wantKeys[slices.IndexFunc(wantKeys, func(s string) bool { return strings.HasPrefix(s, key(".0.index").Key+": ") })] =
		key(".0.index").Key + ": src1,a,1\nsrc1,b,2\n"
	if d := cmp.Diff(wantKeys, m.written()); d != "" {
		t.Error(d)
	}

	// What s3grouper did not write it does not delete.
	m.set(key(".7.index"), []byte("src1,mine,1\n"))
	_, _, err = group(t, m, all)
	want = "store manifests " + key(".7.index").String() + ": this run has 1 manifest, and this, which s3grouper has not written, is behind them;" +
		" delete it, or give another --key"
	if err == nil || err.Error() != want || fault.ExitCode(err) != 4 {
		t.Errorf("exit code %d, %v", fault.ExitCode(err), err)
	}
	if _, ok := m.objects[key(".7.index")]; !ok {
		t.Error("deleted what is not its own")
	}
	delete(m.objects, key(".7.index"))

	// A caller who may not list.
	denied := &fault.Error{Kind: fault.Download, Op: "ListObjectsV2", Err: store.ErrDenied}
	m.broken = func(op string, _ object.Location) error {
		if op == "ListObjectsV2" {
			return denied
		}
		return nil
	}
	all.Overwrite = false
	if _, _, err := group(t, m, all); err != nil {
		t.Error(err)
	}
	all.Overwrite = true
	if _, _, err := group(t, m, all); !errors.Is(err, denied) || fault.ExitCode(err) != 4 {
		t.Errorf("exit code %d, %v", fault.ExitCode(err), err)
	}
}

func TestStoredAs(t *testing.T) {
	m := newMemory()
	deliver(t, m, plainSchema, row("a", 1, "STANDARD"))
	opt := options()
	at := object.Location{Bucket: "out", Key: "manifests/src-export-2017-03-30T18-06Z-manifest.0.index"}
	for _, class := range []string{"", "REDUCED_REDUNDANCY"} {
		opt.ReducedRedundancy, opt.Overwrite = class != "", class != ""
		if _, _, err := group(t, m, opt); err != nil {
			t.Fatal(err)
		}
		got := m.objects[at].opt
		want := store.PutOptions{
			Metadata:     []object.Pair{{Name: digestName, Value: "5f9fd2cb1f2e4d4d9d5c2d0b9d1f9b4c"}},
			Headers:      []object.Pair{{Name: "Content-Type", Value: "text/csv"}},
			StorageClass: class,
			IfAbsent:     class == "",
		}
		want.Metadata[0].Value = sha256Of("src1,a,1\n")
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
}

// TestUploadFails: the first failure ends the run, and all its goroutines.
func TestUploadFails(t *testing.T) {
	m := newMemory()
	deliver(t, m, plainSchema, strings.Repeat(row("k", 1, "STANDARD"), 5000))
	opt := options()
	opt.MaxRows = 1
	m.broken = func(op string, at object.Location) error {
		if op == "PutObject" && strings.Contains(at.Key, ".7.") {
			return &fault.Error{Op: op, Where: at.String(), Err: errors.New("refused")}
		}
		return nil
	}
	stats, _, err := group(t, m, opt)
	if fault.ExitCode(err) != 4 || !strings.Contains(err.Error(), "manifest.7.index: refused") {
		t.Errorf("exit code %d, %v", fault.ExitCode(err), err)
	}
	if n := len(m.written()); n >= 5000 || int64(n) != stats.Written {
		t.Errorf("%d written, %d counted", n, stats.Written)
	}
}

// slow is a store whose answers to PutObject take a second.
type slow struct{ *memory }

func (s slow) Put(ctx context.Context, l object.Location, body []byte, opt store.PutOptions) (store.Stored, error) {
	st, err := s.memory.Put(ctx, l, body, opt)
	select {
	case <-ctx.Done():
		return store.Stored{}, context.Cause(ctx)
	case <-time.After(time.Second):
		return st, err
	}
}

// TestCountsWhatIsStored: a data file that fails cuts no upload short, and what
// another end has cut short is told.
func TestCountsWhatIsStored(t *testing.T) {
	file := func(n int) string { return strings.Repeat(row("k", 1, "STANDARD"), n) }
	opt := options()
	opt.MaxRows = 1
	t.Run("a data file fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			deliver(t, m, plainSchema, file(4), "bad")
			stats, err := Run(t.Context(), slow{m}, report, opt, slog.New(slog.DiscardHandler))
			if fault.ExitCode(err) != 3 || stats.Written != 4 || stats.Unsure != 0 || len(m.written()) != 4 {
				t.Errorf("%v: %d stored, %d counted, %d unsure", err, len(m.written()), stats.Written, stats.Unsure)
			}
		})
	})
	t.Run("the caller stops", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			deliver(t, m, plainSchema, file(4))
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			stats, err := Run(ctx, slow{m}, report, opt, slog.New(slog.DiscardHandler))
			if !errors.Is(err, context.DeadlineExceeded) || stats.Written != 1 || stats.Unsure != 3 {
				t.Errorf("%v: %d stored, %d counted, %d unsure", err, len(m.written()), stats.Written, stats.Unsure)
			}
		})
	})
}

func TestCancelled(t *testing.T) {
	m := newMemory()
	deliver(t, m, plainSchema, strings.Repeat(row("k", 1, "STANDARD"), 3*tellEvery), row("z", 1, "STANDARD"))
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	opt := options()
	opt.Progress = func(Stats) { cancel(why) }
	stats, err := Run(ctx, m, report, opt, slog.New(slog.DiscardHandler))
	if !errors.Is(err, why) || stats.Rows > 2*tellEvery {
		t.Errorf("got %v after %d rows", err, stats.Rows)
	}
	if len(m.written()) > 0 {
		t.Errorf("written: %q", m.written())
	}
	if _, err := Run(ctx, m, report, options(), slog.New(slog.DiscardHandler)); !errors.Is(err, why) {
		t.Errorf("cancelled before: got %v", err)
	}
}
