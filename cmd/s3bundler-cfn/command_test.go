package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"s3bundler/internal/cli"
)

// run carries a command line out and returns its standard output and error,
// and its exit code.
func run(t *testing.T, stdin, args string) (out, errs string, code int) {
	t.Helper()
	cmd := newCommand()
	var o, e strings.Builder
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	code = cli.Run(t.Context(), cmd, strings.Fields(args))
	return o.String(), e.String(), code
}

func TestTemplates(t *testing.T) {
	spaces, _, code := run(t, "", "spotfleet -f i3 c5d -s 10.0.0.0/16")
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	commas, _, _ := run(t, "", "spotfleet -f i3,c5d --cidr 10.0.0.0/16")
	if spaces != commas {
		t.Error("the same families give other templates")
	}
	if !strings.Contains(spaces, `"i3.16xlarge"`) || !strings.Contains(spaces, `"c5d.large"`) || strings.Contains(spaces, "metal") {
		t.Error("not every size of both families but the metal ones")
	}
	zones, _, _ := run(t, "", "spotfleet -f i3 --zones us-east-1a,us-east-1f --region us-east-1")
	if !strings.Contains(zones, `"us-east-1f"`) || strings.Contains(zones, "GetAZs") {
		t.Error("--zones is not followed")
	}
	for _, args := range []string{"ecs", "capacity", "capacity -f c6gd c7gd", "capacity --vcpus 4 --arch arm64 --instance-store"} {
		out, errs, code := run(t, "", args)
		if code != 0 || !json.Valid([]byte(out)) {
			t.Errorf("%s: exit %d, %s", args, code, errs)
		}
	}
}

func TestOutput(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t.json")
	if _, errs, code := run(t, "", "ecs -o "+file); code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	want, _, _ := run(t, "", "ecs")
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("the file is not what standard output gets: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	_, errs, code := run(t, "", "ecs -o "+file+"/no/such/folder")
	if code != 2 || !strings.Contains(errs, "no/such/folder") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"":                                          "write ecs, spotfleet",
		"ecs more":                                  `"more"`,
		"spotfleet":                                 "with -f",
		"spotfleet -f nosuchfamily":                 `"nosuchfamily"`,
		"spotfleet -f i3 -s 10.0.0.0":               "no address range",
		"spotfleet -f i3 -s 10.0.0.1/16":            "first address",
		"spotfleet -f i3 --zone-count 0":            "at least 1",
		"capacity --strategy cheap":                 `"cheap"`,
		"capacity c5d":                              "families follow -f",
		"capacity --vcpus many":                     `"many"`,
		"capacity --vcpus 8-2":                      "8 to 2",
		"capacity --arch riscv":                     `"riscv"`,
		"inventory":                                 "destination",
		"inventory --destination UPPER":             "no bucket name",
		"inventory --destination b-1 --format XML":  "CSV or ORC or Parquet",
		"inventory --destination b-1 --frequency h": "Daily or Weekly",
		"inventory --destination b-1 --versions x":  "Current or All",
		"inventory --destination b-1 --fields ETag": "Size",
		"inventory --destination b-1 --account 1":   "12 digits",
		"inventory --destination b-1 --id a/b":      "--id",
	} {
		out, errs, code := run(t, "bucket-1\n", args)
		if code != 2 || out != "" || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d, %q, want %q", args, code, errs, want)
		}
	}
}

// TestInventoryCommands runs the printed commands in a shell, with a stand-in
// for the AWS CLI that shows what it is given.
func TestInventoryCommands(t *testing.T) {
	out, errs, code := run(t, "bucket-1\n\n  bucket.2  \narchive-1\n", "inventory --destination archive-1 --prefix it's/$HOME --account 111122223333 --region cn-north-1 --frequency Weekly")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	bin := t.TempDir()
	stub := "#!/bin/sh\nfor a in \"$@\"; do printf '%s\\n' \"$a\"; done\n"
	if err := os.WriteFile(filepath.Join(bin, "aws"), []byte(stub), 0o755); err != nil {
		t.Fatal(err)
	}
	sh := exec.Command("/bin/sh")
	sh.Stdin, sh.Env = strings.NewReader(out), []string{"PATH=" + bin, "HOME=/elsewhere"}
	got, err := sh.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	conf := `{"Destination":{"S3BucketDestination":{"AccountId":"111122223333","Bucket":"arn:aws-cn:s3:::archive-1","Format":"CSV","Prefix":"it's/$HOME"}},` +
		`"IsEnabled":true,"Id":"s3bundler","IncludedObjectVersions":"Current","OptionalFields":["Size","LastModifiedDate","StorageClass","ETag"],"Schedule":{"Frequency":"Weekly"}}`
	want := ""
	for _, bucket := range []string{"bucket-1", "bucket.2"} { // not the archive itself
		want += "--region\ncn-north-1\ns3api\nput-bucket-inventory-configuration\n--bucket\n" + bucket + "\n--id\ns3bundler\n--inventory-configuration\n" + conf + "\n"
	}
	if string(got) != want {
		t.Errorf("the shell gives\n%s\nwant\n%s", got, want)
	}
}

func TestInventoryRefusesWhatIsNoBucket(t *testing.T) {
	for _, line := range []string{"Bucket", "a", "b;reboot", "$(reboot)", "s3://bucket-1"} {
		out, errs, code := run(t, "bucket-1\n"+line+"\n", "inventory --destination archive-1")
		if out != "" || code != 2 || !strings.Contains(errs, "line 2") {
			t.Errorf("%s: exit %d, %q, %q", line, code, out, errs)
		}
	}
}

func TestInventoryApply(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut || r.URL.Query().Get("id") != "s3bundler" || !r.URL.Query().Has("inventory") {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		var b strings.Builder
		if _, err := io.Copy(&b, r.Body); err != nil {
			t.Error(err)
		}
		bodies = append(bodies, r.URL.Path+" "+b.String())
		if strings.HasPrefix(r.URL.Path, "/denied") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`<Error><Code>AccessDenied</Code><Message>no</Message></Error>`))
		}
	}))
	defer server.Close()
	_, errs, code := run(t, "denied-1\nbucket-1\n", "inventory --destination archive-1 --apply --region eu-west-1 --endpoint-url "+server.URL)
	if code != 7 || !strings.Contains(errs, "1 of 2 buckets") || !strings.Contains(errs, "s3://denied-1") || !strings.Contains(errs, "inventory of s3://bucket-1 goes to s3://archive-1/inventory") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if len(bodies) != 2 || !regexp.MustCompile(`^/bucket-1/? .*<Bucket>arn:aws:s3:::archive-1</Bucket>.*<Format>CSV</Format>`).MatchString(bodies[1]) {
		t.Errorf("S3 was told %q", bodies)
	}
}
