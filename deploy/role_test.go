package deploy_test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"s3bundler/deploy/stack"
	"s3bundler/internal/sandbox"
)

// recorder notes which operations were called on which bucket.
type recorder struct {
	mu    sync.Mutex
	calls map[string]map[string]bool // operation -> buckets
}

func (r *recorder) note(e sandbox.Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls[e.Operation] == nil {
		r.calls[e.Operation] = map[string]bool{}
	}
	r.calls[e.Operation][e.Bucket] = true
}

// TestRoleIsWhatIsUsed runs the tasks' programs through whatever they do, and
// holds the operations that they called to those that the task role is made
// for: every one of them, and no other.
func TestRoleIsWhatIsUsed(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "../cmd/s3grouper", "../cmd/s3bundler")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w := newWorld(t, bin)

	// An ordinary task: the manifest comes by the queue; one object is tagged,
	// one needs a multipart upload, one is above MaxSize, one is gone, and
	// one answers so late that the message is renewed.
	w.run("s3grouper", 0, "-m", "s3://archive/"+w.report, "-b", "archive", "-p", "manifests", "-s", "20GB")
	w.s3.AddFaults(sandbox.Rule{Operation: "GetObject", Bucket: "src1", Key: "tagged", Times: 1,
		Fault: sandbox.Fault{Kind: sandbox.Latency, Latency: sandbox.Duration(2 * time.Second)}})
	w.run("s3bundler", 0, "-q", w.queues.ARN("manifests"), "-b", "archive", "-p", "archive", "-s", "64M", "-n", "1")

	// One that cannot store its archive.
	w.s3.SetFaults(sandbox.Rule{Operation: "UploadPart", Bucket: "archive", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
	w.run("s3bundler", 4, "-m", "s3://archive/manifests/", "-b", "archive", "-p", "again", "-s", "64M")

	used := slices.Sorted(maps.Keys(w.recorder.calls))
	for _, op := range stack.Operations() {
		if w.queues.Calls(op) > 0 {
			used = append(used, op)
		}
	}
	for _, op := range []string{"SendMessage", "CreateQueue", "PurgeQueue", "ListQueues", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"} {
		if w.queues.Calls(op) > 0 {
			used = append(used, op)
		}
	}
	slices.Sort(used)
	// Parts are copied of objects above 5 GiB alone. Package aws does it in its
	// own tests, where it can be told a smaller limit.
	want := slices.DeleteFunc(stack.Operations(), func(op string) bool { return op == "UploadPartCopy" })
	if !slices.Equal(used, want) {
		t.Errorf("called are\n%v\nthe role is made for\n%v", used, want)
	}
	for _, op := range used {
		actions, _ := stack.ActionsFor(op)
		for _, action := range actions {
			if !slices.Contains(stack.TaskRoleActions(), action) {
				t.Errorf("%s needs %s", op, action)
			}
		}
	}
	// Sources are read and nothing else: the role says so by bucket.
	for op, buckets := range w.recorder.calls {
		if buckets["src1"] && !slices.Contains([]string{"GetObject", "HeadObject", "GetObjectTagging"}, op) {
			t.Errorf("%s is called on a source bucket", op)
		}
	}
}

// world is an S3 and an SQS with an inventory to work on.
type world struct {
	t        *testing.T
	bin      string
	s3       *sandbox.Server
	queues   *sandbox.Queues
	recorder *recorder
	report   string
}

func newWorld(t *testing.T, bin string) *world {
	t.Helper()
	w := &world{t: t, bin: bin, queues: sandbox.NewQueues(sandbox.QueueOptions{}), recorder: &recorder{calls: map[string]map[string]bool{}}}
	s3, err := sandbox.Start(sandbox.Options{Queues: w.queues, Before: w.recorder.note})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s3.Close() })
	w.s3 = s3
	if err := w.queues.Create("manifests", map[string]string{"VisibilityTimeout": "3"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"src1", "archive"} {
		if err := s3.CreateBucket(name, sandbox.BucketOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	s3.Notify("archive", "manifests/", ".index", func(body string) {
		if err := w.queues.Send("manifests", body); err != nil {
			t.Error(err)
		}
	})
	objects := source(40)
	sizes := map[string]int64{}
	for key, body := range objects {
		w.plant("src1", key, sandbox.Planted{Body: body})
		sizes[key] = int64(len(body))
	}
	for key, p := range map[string]sandbox.Planted{
		"tagged":    {Body: []byte("x"), Tags: map[string]string{"k": "v"}},
		"multipart": {Generated: &sandbox.Generated{Size: 40 << 20}},
		"above":     {Generated: &sandbox.Generated{Size: 65 << 20}, Tags: map[string]string{"k": "v"}},
	} {
		w.plant("src1", key, p)
		sizes[key] = int64(len(p.Body))
		if p.Generated != nil {
			sizes[key] = p.Generated.Size
		}
	}
	sizes["gone"] = 1
	w.report = inventory(t, "src1", sizes, func(key string, body []byte) { w.plant("archive", key, sandbox.Planted{Body: body}) })
	return w
}

func (w *world) plant(bucket, key string, p sandbox.Planted) {
	w.t.Helper()
	if _, _, err := w.s3.Plant(bucket, key, p); err != nil {
		w.t.Fatal(err)
	}
}

// run runs a program to its end.
func (w *world) run(name string, exit int, args ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(w.bin, name), args...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+w.s3.URL(), "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_CONFIG_FILE=/nonexistent", "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=2")
	out, _ := cmd.CombinedOutput() // the exit code tells
	w.t.Logf("%s %q:\n%s", name, args, out)
	if code := cmd.ProcessState.ExitCode(); code != exit {
		w.t.Fatalf("%s exits %d, want %d", name, code, exit)
	}
}
