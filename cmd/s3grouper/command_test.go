package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"s3bundler/internal/aws"
	"s3bundler/internal/cli"
	"s3bundler/internal/grouper"
	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
	"s3bundler/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	reportKey = "src/export/2017-03-30T18-06Z/manifest.json"
	reportURI = "s3://inv/" + reportKey
	named     = "manifests/src-export-2017-03-30T18-06Z-manifest"
)

// world is an S3 with the recorded inventory in bucket inv, and a bucket out.
type world struct {
	*sandbox.Server
	s3 store.Store
}

func newWorld(t *testing.T) world {
	t.Helper()
	server, err := sandbox.Start(sandbox.Options{Credentials: map[string]sandbox.Credential{"test": {SecretAccessKey: "testtest"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest", "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": server.URL(),
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	for _, b := range []string{"inv", "out"} {
		if err := server.CreateBucket(b, sandbox.BucketOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := aws.Load(t.Context(), aws.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	client := aws.NewS3(cfg)
	t.Cleanup(client.Close)
	w := world{server, client}
	w.put(t, reportKey, golden(t, "manifest.json"))
	w.put(t, "src/export/data/part-0.csv.gz", golden(t, "part-0.csv.gz"))
	w.put(t, "src/export/data/part-1.csv.gz", golden(t, "part-1.csv.gz"))
	return w
}

func golden(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "inventory", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (w world) put(t *testing.T, key string, body []byte) {
	t.Helper()
	if _, err := w.s3.Put(t.Context(), object.Location{Bucket: "inv", Key: key}, body, store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

// out gives the keys in bucket out.
func (w world) out(t *testing.T) (keys []string) {
	t.Helper()
	for o, err := range w.s3.List(t.Context(), object.Location{Bucket: "out"}) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

func (w world) text(t *testing.T, key string) string {
	t.Helper()
	body, _, err := w.s3.Open(t.Context(), object.At(object.Location{Bucket: "out", Key: key}), store.Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// run runs the command as a shell does, and gives its exit code and standard
// error, without times.
func run(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := newCommand()
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	code = cli.Run(t.Context(), cmd, spelling().Rewrite(args))
	if out.Len() > 0 {
		t.Errorf("standard output: %q", &out)
	}
	text := regexp.MustCompile(`\d+\.\d s\n`).ReplaceAllString(errs.String(), "T s\n")
	return code, regexp.MustCompile(` \(request [^)]*\)`).ReplaceAllString(text, "")
}

func TestGolden(t *testing.T) {
	w := newWorld(t)
	begin := "begin processing " + reportURI + "\n"
	for _, c := range []struct {
		args string
		want string
	}{
		{"-no-rr", "6 objects, 5.0 GiB, 8 rows, 2 manifests, 2 rows of other storage classes, T s\n"},
		{"--no-reduced-redundancy -s 4GB -c 65000 -k manifest", "6 objects, 5.0 GiB, 8 rows, 0 manifests, 2 manifests already there, 2 rows of other storage classes, T s\n"},
		{"--glacier", "2 objects, 1.5 KiB, 8 rows, 1 manifest, 6 rows of other storage classes, T s\n"},
		{"-k more -i logs/ -f Bucket Key Size LastModifiedDate -c 2", "3 objects, 5.0 GiB, 8 rows, 2 manifests, 5 rows outside the prefix, T s\n"},
		{"-i nowhere", "0 objects, 0 B, 8 rows, 0 manifests, 8 rows outside the prefix, T s\n"},
	} {
		args := append([]string{"-m", reportURI, "-b", "out", "-p", "/manifests/"}, strings.Fields(c.args)...)
		if code, stderr := run(t, args...); code != 0 || stderr != begin+c.want {
			t.Errorf("%s: exit %d, %s", c.args, code, stderr)
		}
	}
	want := []string{named + ".0.glacier.index", named + ".0.index", named + ".1.index"}
	for _, key := range want {
		if got := w.text(t, key); got != string(golden(t, filepath.Base(key))) {
			t.Errorf("%s: %q", key, got)
		}
	}
	more := strings.Replace(named, "-manifest", "-more", 1)
	want = append(want, more+".0.index", more+".1.index")
	if got := w.out(t); !slices.Equal(got, want) {
		t.Errorf("there are %q", got)
	}
	if got, want := w.text(t, more+".1.index"), "src1,logs/001/empty,0,2017-03-29T11:36:17.000Z\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestErrors(t *testing.T) {
	args := []string{"-m", reportURI, "-b", "out"}
	with := func(more ...string) []string { return append(slices.Clone(args), more...) }
	for _, c := range []struct {
		name  string
		args  []string
		spoil func(t *testing.T, w world)
		code  int
		want  string
	}{
		{"no flags", nil, nil, 2, `required flag(s) "bucket", "manifest" not set; see s3grouper --help`},
		{"no URI", []string{"-m", "/inv/manifest.json", "-b", "out"}, nil, 2, `"/inv/manifest.json" is no S3 URI`},
		{"no threshold", with("-c", "0"), nil, 2, "the count threshold must be 1 or more; see s3grouper --help"},
		{"no size", with("-s", "lots"), nil, 2, `"lots" is no size`},
		{"no column", with("-f", "Bucket", "Key"), nil, 2, `the columns "Bucket Key" do not start with Bucket Key Size`},
		{"both redundancies", with("-no-rr", "--reduced-redundancy"), nil, 2, "[no-reduced-redundancy reduced-redundancy] were all set"},
		{"a word too many", with("more"), nil, 2, `unknown command "more"`},
		{"another key", []string{"-m", "s3://inv/a?b#c.json", "-b", "out"}, nil, 5, "GetObject s3://inv/a?b#c.json: NoSuchKey"},
		{"no such inventory", []string{"-m", "s3://nowhere/manifest.json", "-b", "out"}, nil, 5, "GetObject s3://nowhere/manifest.json: NoSuchBucket: The specified bucket does not exist; check the bucket's name"},
		{"no such bucket", []string{"-m", reportURI, "-b", "nowhere"}, nil, 4, "NoSuchBucket: The specified bucket does not exist; check the bucket's name"},
		{"wrong credentials", args, func(t *testing.T, _ world) { t.Setenv("AWS_SECRET_ACCESS_KEY", "other") }, 5, "SignatureDoesNotMatch"},
		{"Parquet", args, func(t *testing.T, w world) {
			w.put(t, reportKey, bytes.Replace(golden(t, "manifest.json"), []byte("CSV"), []byte("Parquet"), 1))
		}, 3, "read inventory report " + reportURI + `: its data files have the format "Parquet", and only CSV can be read; set the inventory's output format to CSV`},
		{"another data file", args, func(t *testing.T, w world) {
			w.put(t, "src/export/data/part-1.csv.gz", golden(t, "part-0.csv.gz"))
		}, 3, "verify inventory s3://inv/src/export/data/part-1.csv.gz: it has"},
		{"a data file is gone", args, func(t *testing.T, w world) {
			if err := w.s3.Delete(t.Context(), object.At(object.Location{Bucket: "inv", Key: "src/export/data/part-0.csv.gz"})); err != nil {
				t.Fatal(err)
			}
		}, 5, "GetObject s3://inv/src/export/data/part-0.csv.gz: NoSuchKey"},
		{"access denied", args, func(_ *testing.T, w world) {
			w.SetFaults(sandbox.Rule{Operation: "GetObject", Key: "*part-1*", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
		}, 5, "GetObject s3://inv/src/export/data/part-1.csv.gz: AccessDenied"},
		{"not allowed to write", args, func(_ *testing.T, w world) {
			w.SetFaults(sandbox.Rule{Operation: "PutObject", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
		}, 4, "allow s3:PutObject"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if c.spoil != nil {
				c.spoil(t, w)
			}
			code, stderr := run(t, c.args...)
			stderr = strings.TrimPrefix(stderr, "begin processing "+reportURI+"\n")
			if i := strings.Index(stderr, "ERROR: "); i > 0 && strings.HasPrefix(stderr, "begin processing ") {
				stderr = stderr[i:]
			}
			if code != c.code || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, %s\nwant %d, %s", code, stderr, c.code, c.want)
			}
			if !strings.HasPrefix(stderr, "ERROR: ") || strings.Count(stderr, "\n") != 1 {
				t.Errorf("not one line: %q", stderr)
			}
			if keys := w.out(t); len(keys) > 0 {
				t.Errorf("written: %q", keys)
			}
		})
	}
}

func TestNoCredentials(t *testing.T) {
	newWorld(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	code, stderr := run(t, "-m", reportURI, "-b", "out")
	if code == 0 || code == 1 || !strings.Contains(stderr, "credentials") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

func TestOtherContent(t *testing.T) {
	w := newWorld(t)
	args := []string{"-m", reportURI, "-b", "out", "-p", "manifests"}
	if code, stderr := run(t, args...); code != 0 {
		t.Fatal(stderr)
	}
	before, keys := w.text(t, named+".0.index"), w.out(t)
	code, stderr := run(t, append(args, "-c", "1")...)
	want := "ERROR: store manifest s3://out/" + named + ".0.index: a manifest of other content is there; give another --key, or --overwrite to replace it\n"
	if code != 4 || !strings.HasSuffix(stderr, want) {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if now := w.out(t); w.text(t, named+".0.index") != before || !slices.Equal(now, keys) {
		t.Errorf("two runs are mixed: %q", now)
	}
	if code, stderr := run(t, append(args, "-c", "1", "--overwrite")...); code != 0 {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if got := w.text(t, named+".0.index"); strings.Count(got, "\n") != 1 {
		t.Errorf("not replaced: %q", got)
	}
	// Fewer of them leave nothing of the many behind.
	if code, stderr := run(t, append(args, "--overwrite")...); code != 0 || !strings.Contains(stderr, "manifests of an earlier run deleted") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if now := w.out(t); !slices.Equal(now, keys) {
		t.Errorf("there are %q", now)
	}
}

// TestFaults: whatever goes wrong on the way, the manifests are the same.
func TestFaults(t *testing.T) {
	for _, f := range []sandbox.Rule{
		{Operation: "GetObject", Every: 2, Times: 3, Fault: sandbox.Fault{Kind: sandbox.SlowDown}},
		{Operation: "GetObject", Every: 2, Times: 3, Fault: sandbox.Fault{Kind: sandbox.InternalError}},
		{Operation: "GetObject", Every: 2, Times: 3, Fault: sandbox.Fault{Kind: sandbox.Reset}},
		{Operation: "GetObject", Every: 2, Times: 3, Fault: sandbox.Fault{Kind: sandbox.CutBody, At: 50}},
		{Operation: "GetObject", Key: "*part-0*", Nth: 1, Fault: sandbox.Fault{Kind: sandbox.CorruptBody, At: 50}},
		{Operation: "GetObject", Key: "*part-1*", Nth: 1, Fault: sandbox.Fault{Kind: sandbox.WrongChecksum}},
		{Operation: "PutObject", Nth: 1, Fault: sandbox.Fault{Kind: sandbox.InternalError}},
		{Operation: "PutObject", Nth: 1, Fault: sandbox.Fault{Kind: sandbox.SlowDown}},
		{Operation: "PutObject", Nth: 1, Fault: sandbox.Fault{Kind: sandbox.LoseAnswer}},
		{Operation: "HeadObject", Nth: 1, Fault: sandbox.Fault{Kind: sandbox.InternalError}},
		{Operation: "HeadObject", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}},
		{Operation: "ListObjectsV2", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}},
	} {
		t.Run(f.Operation+" "+string(f.Fault.Kind), func(t *testing.T) {
			w := newWorld(t)
			w.SetFaults(f)
			if code, stderr := run(t, "-m", reportURI, "-b", "out", "-p", "manifests"); code != 0 {
				t.Fatalf("exit %d, %s", code, stderr)
			}
			w.SetFaults()
			keys := []string{named + ".0.index", named + ".1.index"}
			if got := w.out(t); !slices.Equal(got, keys) {
				t.Errorf("there are %q", got)
			}
			for _, key := range keys {
				if got := w.text(t, key); got != string(golden(t, filepath.Base(key))) {
					t.Errorf("%s: %q", key, got)
				}
			}
		})
	}
}

// TestListingDenied: to replace manifests, the command must see which there are.
func TestListingDenied(t *testing.T) {
	w := newWorld(t)
	w.SetFaults(sandbox.Rule{Operation: "ListObjectsV2", Bucket: "out", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
	args := []string{"-m", reportURI, "-b", "out", "-p", "manifests"}
	if code, stderr := run(t, append(args, "-v")...); code != 0 || !strings.Contains(stderr, "not looked for manifests of an earlier run: ListObjectsV2 s3://out/") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	want := "allow s3:ListBucket in the caller's IAM policy and in the resource's own policy\n"
	if code, stderr := run(t, append(args, "--overwrite")...); code != 4 || !strings.Contains(stderr, want) {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	cmd := newCommand()
	cmd.SetOut(&out)
	if code := cli.Run(t.Context(), cmd, []string{"--help"}); code != 0 {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{
		"-m, --manifest", "-b, --bucket", "-p, --prefix", `default "s3grouper-output"`, "-k, --key", `default "manifest"`,
		"-s, --size-threshold", "default 4GB", "-c, --count-threshold", "default 65000", "-i, --include", "-no-rr", "-r, --region",
		"-g, --glacier", "-v, --verbose", "-d, --debug", "--overwrite", "--profile", "--endpoint-url", "--version",
		"Examples:\n  s3grouper -m s3://", "Exit codes:", "  3  ", "  4  ", "  5  ", "  6  ", "  7  ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in the help", want)
		}
	}
}

func TestKept(t *testing.T) {
	for want, n := range map[string][2]int64{
		"1 manifest is whole and stays": {1, 0},
		"1,004 manifests are whole and stay, and perhaps 1 more whose upload was cut short": {1004, 1},
		"4 manifests are whole and stay, and perhaps 3 more whose uploads were cut short":   {4, 3},
	} {
		if got := kept(n[0], n[1]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSnapshot(t *testing.T) {
	for _, c := range []struct {
		stats grouper.Stats
		want  cli.Snapshot
	}{
		{grouper.Stats{Size: 100}, cli.Snapshot{TotalBytes: 100, Unit: "rows"}},
		{grouper.Stats{Size: 100, Read: 25, Rows: 10, Markers: 1, Excluded: 2, OtherClass: 3},
			cli.Snapshot{Done: 10, Total: 40, Bytes: 25, TotalBytes: 100, Skipped: 6, Unit: "rows"}},
		{grouper.Stats{Size: 100, Read: 100, Rows: 39}, cli.Snapshot{Done: 39, Total: 39, Bytes: 100, TotalBytes: 100, Unit: "rows"}},
	} {
		if got := snapshot(c.stats); got != c.want {
			t.Errorf("%+v: got %+v, want %+v", c.stats, got, c.want)
		}
	}
}
