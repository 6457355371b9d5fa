package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"s3bundler/internal/cli"
)

// fakeECS answers RunTask by the key of the report that a task is for:
// "full" has no room, "fails" and "lost" run and end badly, "gone" is refused.
type fakeECS struct {
	mu       sync.Mutex
	commands []string
	onRun    func(key string)
}

func (f *fakeECS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", "req-1")
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, _ := io.ReadAll(r.Body)
	if op == "DescribeTasks" {
		f.describe(w, body)
		return
	}
	var in struct {
		Overrides struct {
			ContainerOverrides []struct {
				Name    string
				Command []string
			}
		}
	}
	if err := json.Unmarshal(body, &in); err != nil || len(in.Overrides.ContainerOverrides) != 1 {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	c := in.Overrides.ContainerOverrides[0]
	f.mu.Lock()
	f.commands = append(f.commands, c.Name+": "+strings.Join(c.Command, " "))
	f.mu.Unlock()
	key := c.Command[len(c.Command)-1][len("s3://b/"):]
	if f.onRun != nil {
		f.onRun(key)
	}
	switch key {
	case "full":
		fmt.Fprint(w, `{"failures":[{"reason":"RESOURCE:MEMORY"}]}`)
	case "gone":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"ClusterNotFoundException","message":"Cluster not found."}`)
	default:
		fmt.Fprintf(w, `{"tasks":[{"taskArn":"arn:task/%s"}]}`, key)
	}
}

func (f *fakeECS) describe(w io.Writer, body []byte) {
	var in struct{ Tasks []string }
	_ = json.Unmarshal(body, &in)
	var all []string
	for _, arn := range in.Tasks {
		container := `{"name":"s3grouper","exitCode":0}`
		switch arn {
		case "arn:task/fails":
			container = `{"name":"s3grouper","exitCode":3}`
		case "arn:task/lost":
			container = `{"name":"s3grouper","reason":"CannotPullContainerError: no such image"}`
		}
		all = append(all, fmt.Sprintf(`{"taskArn":%q,"lastStatus":"STOPPED","stoppedReason":"ended","containers":[%s]}`, arn, container))
	}
	fmt.Fprintf(w, `{"tasks":[%s]}`, strings.Join(all, ","))
}

// run runs the command with stdin and args against f.
func run(t *testing.T, ctx context.Context, f http.Handler, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	server := httptest.NewServer(f)
	defer server.Close()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest", "AWS_REGION": "us-east-1",
		"AWS_MAX_ATTEMPTS": "1", "AWS_ENDPOINT_URL": server.URL,
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	var out, errs bytes.Buffer
	cmd := newCommand()
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	code = cli.Run(ctx, cmd, args)
	return code, out.String(), errs.String()
}

func TestCommand(t *testing.T) {
	const (
		a    = "s3://b/a\tarn:task/a\n"
		c    = "s3://b/c\tarn:task/c\n"
		full = "ERROR: submit s3://b/full: RunTask g/s3grouper:3 in cluster c: the cluster has no room for the task: RESOURCE:MEMORY; start more instances, or wait longer with --patience\n"
		gone = "ERROR: submit s3://b/gone: RunTask g/s3grouper:3 in cluster c: ClusterNotFoundException: Cluster not found. (request req-1); check --cluster, --region and the account\n"
		hint = "; --failed-only prints the URIs alone, to submit them again\n"
	)
	uris := func(keys ...string) string { return "s3://b/" + strings.Join(keys, "\ns3://b/") + "\n" }
	tests := []struct {
		name           string
		stdin          string
		args           string
		code           int
		stdout, stderr string
	}{
		{"all well", uris("a", "c"), "-- -b x", 0, a + c, ""},
		{"nothing to do", "\n\n", "", 0, "", "nothing to submit: standard input holds no URI\n"},
		{"nothing to do, dry run", "", "--dry-run -f " + os.DevNull, 0, "", "nothing to submit: " + os.DevNull + " holds no URI\n"},
		{"two on a line", uris("a") + "s3://b/c\ts3://b/d\n", "", 3, "",
			"ERROR: read standard input line 2: \"s3://b/c\\ts3://b/d\" holds the control character '\\t': write one URI a line and nothing else; nothing was submitted\n"},
		{"two fail", uris("a", "full", "gone", "c"), "", 7, a + c, full + gone + "ERROR: 2 of 4 tasks failed" + hint},
		{"failed URIs alone", uris("a", "full", "c"), "--failed-only", 7, "s3://b/full\n", full + "ERROR: 1 of 3 tasks failed\n"},
		{"a bad line stops all", uris("a") + "b\n", "", 3, "", "ERROR: read standard input line 2: \"b\" is no S3 URI: write s3://bucket/key; nothing was submitted\n"},
		{"dry run", uris("a"), "--dry-run -- -b x -p it's", 0, "s3://b/a\ts3grouper: -b x -p 'it'\\''s' -m s3://b/a\n", ""},
		{"followed", uris("a", "c"), "--wait", 0, "s3://b/a\tarn:task/a\t0\tended\ns3://b/c\tarn:task/c\t0\tended\n",
			"submitted s3://b/a as arn:task/a\nsubmitted s3://b/c as arn:task/c\n"},
		{"followed to a bad end", uris("fails", "lost", "gone"), "--wait", 7,
			"s3://b/fails\tarn:task/fails\t3\tended\ns3://b/lost\tarn:task/lost\tnone\tended; CannotPullContainerError: no such image\n",
			"submitted s3://b/fails as arn:task/fails\nsubmitted s3://b/lost as arn:task/lost\n" + gone +
				"ERROR: group s3://b/fails task=arn:task/fails exit=3: ended\n" +
				"ERROR: group s3://b/lost task=arn:task/lost exit=none: ended; CannotPullContainerError: no such image\n" +
				"ERROR: 3 of 3 tasks failed" + hint},
		{"bad ends alone", uris("a", "fails", "gone"), "--wait --failed-only", 7, "s3://b/gone\ns3://b/fails\n",
			"submitted s3://b/a as arn:task/a\nsubmitted s3://b/fails as arn:task/fails\n" + gone +
				"ERROR: group s3://b/fails task=arn:task/fails exit=3: ended\nERROR: 2 of 3 tasks failed\n"},
		{"-m is ours", uris("a"), "-- -m s3://x/y", 2, "", "ERROR: the arguments after -- hold -m: each task gets its own; see submitmanifest --help\n"},
		{"no flight", uris("a"), "--in-flight 0", 2, "", "ERROR: --in-flight must be at least 1; see submitmanifest --help\n"},
		{"no such file", "", "-f /does/not/exist", 3, "", "ERROR: open /does/not/exist: no such file or directory\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// In-flight 1 keeps the order of log lines.
			args := append(strings.Fields("-t g/s3grouper:3 -c c --patience 0s --in-flight 1"), strings.Fields(tt.args)...)
			code, stdout, stderr := run(t, t.Context(), &fakeECS{}, tt.stdin, args...)
			if code != tt.code || stdout != tt.stdout || stderr != tt.stderr {
				t.Errorf("exit %d, want %d\nstdout %q\nwant   %q\nstderr %q\nwant   %q", code, tt.code, stdout, tt.stdout, stderr, tt.stderr)
			}
		})
	}
}

func TestOverride(t *testing.T) {
	f := &fakeECS{}
	file := filepath.Join(t.TempDir(), "uris")
	if err := os.WriteFile(file, []byte("s3://b/one\ns3://b/two"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-c", "c", "-t", "arn:aws:ecs:us-east-1:1:task-definition/s3grouper:7", "-f", file, "--", "-b", "archive", "-no-rr"}
	if code, _, stderr := run(t, t.Context(), f, "", args...); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	slices.Sort(f.commands)
	want := []string{"s3grouper: -b archive -no-rr -m s3://b/one", "s3grouper: -b archive -no-rr -m s3://b/two"}
	if !slices.Equal(f.commands, want) {
		t.Errorf("got %q, want %q", f.commands, want)
	}
}

func TestInterrupted(t *testing.T) {
	// The SDK's client keeps its idle connections; they end with the server.
	defer goleak.VerifyNone(t, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
	ctx, cancel := context.WithCancelCause(t.Context())
	f := &fakeECS{onRun: func(key string) {
		if key == "full" {
			cancel(cli.Signal{Signal: os.Interrupt})
		}
	}}
	code, stdout, stderr := run(t, ctx, f, "s3://b/a\ns3://b/full\ns3://b/c\n", "-t", "s3grouper", "-c", "c", "--in-flight", "1", "--failed-only")
	if code != 130 || stdout != "s3://b/full\ns3://b/c\n" || stderr != "2 of 3 tasks were not submitted\n" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestStandardOutputFull(t *testing.T) {
	cmd := newCommand()
	var errs bytes.Buffer
	cmd.SetIn(strings.NewReader("s3://b/a\n"))
	cmd.SetOut(fullDisk{})
	cmd.SetErr(&errs)
	code := cli.Run(t.Context(), cmd, []string{"-t", "s3grouper", "-c", "c", "--dry-run"})
	if want := "ERROR: write to standard output: no space left on device\n"; code != 2 || errs.String() != want {
		t.Errorf("exit %d, %q", code, errs.String())
	}
}
