package deploy_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCreate creates the stack with and without what may be given.
func TestCreate(t *testing.T) {
	m := startMoto(t)
	m.createBucket(t, "given-archive")
	var queue, dlq struct{}
	m.rpc(t, "sqs", "AmazonSQS.CreateQueue", map[string]string{"QueueName": "given"}, &queue)
	m.rpc(t, "sqs", "AmazonSQS.CreateQueue", map[string]string{"QueueName": "given-dlq"}, &dlq)
	const arn = "arn:aws:sqs:" + region + ":123456789012:"

	images := map[string]string{"S3GrouperURL": "registry/s3grouper:1", "S3BundlerURL": "registry/s3bundler:1"}
	for _, tt := range []struct {
		name       string
		parameters map[string]string
		bucket     string // the archive bucket; empty if created
		queue      string // after -q; empty if created
		compress   bool
		lacks      []string
	}{
		{name: "empty"},
		{name: "uncompressed", parameters: map[string]string{"Compress": "false"}},
		{name: "compressed", parameters: map[string]string{"Compress": "true"}, compress: true},
		{name: "bucket", parameters: map[string]string{"S3ArchiveBucket": "given-archive"}, bucket: "given-archive",
			lacks: []string{"ArchiveBucket", "ArchiveBucketPolicy"}},
		{name: "queues", parameters: map[string]string{"S3BundlerQueueARN": arn + "given", "S3BundlerDLQARN": arn + "given-dlq"}, queue: arn + "given",
			lacks: []string{"ManifestQueue", "ManifestQueuePolicy", "DeadLetterQueue", "DeadLetterQueuePolicy"}},
		{name: "dlq", parameters: map[string]string{"S3BundlerDLQARN": arn + "given-dlq"}, lacks: []string{"DeadLetterQueue"}},
		{name: "all", parameters: map[string]string{"S3ArchiveBucket": "given-archive", "S3BundlerQueueARN": arn + "given",
			"S3BundlerDLQARN": arn + "given-dlq", "Compress": "true", "MaxTasks": "0", "S3InventoryBucket": "lists", "S3InventoryPrefix": "daily"},
			bucket: "given-archive", queue: arn + "given", compress: true,
			lacks: []string{"ArchiveBucket", "ManifestQueue", "DeadLetterQueue", "ScalableTarget"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parameters := map[string]string{}
			for _, from := range []map[string]string{images, tt.parameters} {
				for k, v := range from {
					parameters[k] = v
				}
			}
			s := m.createStack(t, "stack-"+tt.name, parameters)
			for _, name := range tt.lacks {
				if s.resources[name] != "" {
					t.Errorf("%s is created", name)
				}
			}
			bucket, queue := s.outputs["ArchiveBucket"], s.outputs["ManifestQueue"]
			if tt.bucket != "" && bucket != tt.bucket || tt.bucket == "" && bucket != s.resources["ArchiveBucket"] {
				t.Errorf("output ArchiveBucket is %q", bucket)
			}
			if tt.queue != "" && queue != tt.queue || tt.queue == "" && queue != s.resources["ManifestQueue"] {
				t.Errorf("output ManifestQueue is %q", queue)
			}
			if s.outputs["ECSCluster"] == "" || s.outputs["S3GrouperTask"] != s.resources["S3GrouperTask"] {
				t.Errorf("outputs are %v", s.outputs)
			}
			command := s.command(t, s.resources["S3BundlerTask"])
			if slices.Contains(command, "") || slices.Contains(command, "-c") != tt.compress ||
				!slices.Equal(command[:6], []string{"-q", queue, "-b", bucket, "-p", "archive"}) {
				t.Errorf("the worker is started with %q", command)
			}
			if got := s.command(t, s.outputs["S3GrouperTask"]); !slices.Equal(got, []string{"-b", bucket, "-p", "manifests"}) {
				t.Errorf("s3grouper is started with %q", got)
			}
		})
	}
}

// TestWork takes an inventory through a stack: s3grouper's manifests reach the
// stack's queue as events of the stack's bucket, and a worker that is started
// with the task definition's own command archives them.
func TestWork(t *testing.T) {
	m := startMoto(t)
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "../cmd/s3grouper", "../cmd/s3bundler")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := m.createStack(t, "work", map[string]string{
		"S3GrouperURL": "g:1", "S3BundlerURL": "b:1", "S3InventoryPrefix": "inventory", "Compress": "false",
	})
	s.notify(t, "manifests")
	bucket := s.outputs["ArchiveBucket"]
	m.createBucket(t, "src1")
	objects := source(40)
	put := m.put(t, "src1")
	for key, body := range objects {
		put(key, body)
	}
	report := inventory(t, "src1", sizes(objects), m.put(t, bucket))

	worker := program(t, m, bin, "s3bundler", s.command(t, s.resources["S3BundlerTask"])...)
	var metrics bytes.Buffer
	worker.Stdout = &metrics
	lines, err := worker.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	health := s.healthCheck(t)
	for n := 0; ; n++ { // until it listens
		out, err := program(t, m, bin, "s3bundler", health...).CombinedOutput()
		if err == nil {
			break
		}
		if n == 200 {
			t.Fatalf("the health check %q: %v\n%s", health, err, out)
		}
	}

	// As submitmanifest does: the task's arguments, and -m after them.
	grouper := append(s.command(t, s.outputs["S3GrouperTask"]), "-m", "s3://"+bucket+"/"+report)
	if out, err := program(t, m, bin, "s3grouper", grouper...).CombinedOutput(); err != nil {
		t.Fatalf("s3grouper %q: %v\n%s", grouper, err, out)
	}
	log, archived := follow(lines, "successfully archived")
	// It may have had its two messages already, the queue's test event one.
	if err := worker.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	rest, _ := io.ReadAll(lines)
	if err := worker.Wait(); err != nil || !archived {
		t.Fatalf("s3bundler: %v\n%s%s", err, log, rest)
	}
	checkArchives(t, m.get(t), bucket, "archive/", "src1", objects)
	if !strings.Contains(metrics.String(), `"Namespace":"S3Bundler"`) {
		t.Errorf("no metrics on standard output: %s", metrics.String())
	}
	var left struct{ Attributes map[string]string }
	m.rpc(t, "sqs", "AmazonSQS.GetQueueAttributes", map[string]any{"QueueUrl": s.outputs["ManifestQueue"],
		"AttributeNames": []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"}}, &left)
	if left.Attributes["ApproximateNumberOfMessages"] != "0" {
		t.Errorf("on the queue stay %v", left.Attributes)
	}
}

// program is a command that has moto for its AWS.
func program(t *testing.T, m moto, bin, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+m.url, "AWS_REGION="+region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_CONFIG_FILE=/nonexistent", "AWS_EC2_METADATA_DISABLED=true")
	return cmd
}

// follow reads lines up to the one that holds a phrase.
func follow(r io.Reader, phrase string) (log string, found bool) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		log += lines.Text() + "\n"
		if strings.Contains(lines.Text(), phrase) {
			return log, true
		}
	}
	return log, false
}
