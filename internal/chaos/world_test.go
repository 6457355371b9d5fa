package chaos

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
)

// The buckets and queues of a run.
const (
	source    = "source"
	archives  = "archives"
	inventory = "inventory"
	work      = "work"
	dead      = "dead"
)

// run is one run with its seed.
type run struct {
	t        *testing.T
	seed     uint64
	server   *sandbox.Server
	queues   *sandbox.Queues
	contents map[string]sandbox.Generated // what was planted, by key
	refused  map[string]string            // the reason of what cannot be read, by key
	poison   []string                     // messages that nobody can work on
	compress bool
	plan     *plan
	started  atomic.Int64 // processes
	logs     string       // folder

	late    sync.WaitGroup // handlers of requests that outlive their processes
	mu      sync.Mutex
	ended   bool
	running map[*process]bool
}

func newRun(t *testing.T, seed uint64) *run {
	r := &run{
		t: t, seed: seed, contents: map[string]sandbox.Generated{}, refused: map[string]string{},
		compress: seed%2 == 0, logs: t.TempDir(), running: map[*process]bool{},
	}
	r.plan = newPlan(r.random(1))
	r.queues = sandbox.NewQueues(sandbox.QueueOptions{})
	r.must(r.queues.Create(dead, nil))
	// Twice the receives of the stack's own queue: many more workers die here.
	r.must(r.queues.Create(work, map[string]string{
		"VisibilityTimeout": fmt.Sprint(int(visibility.Seconds())),
		"RedrivePolicy":     fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":20}`, r.queues.ARN(dead)),
	}))
	var err error
	r.server, err = sandbox.Start(sandbox.Options{Queues: r.queues})
	r.must(err)
	t.Cleanup(func() { r.must(r.server.Close()) })
	for _, b := range []string{source, archives, inventory} {
		r.must(r.server.CreateBucket(b, sandbox.BucketOptions{}))
	}
	draw, mu := r.random(2), sync.Mutex{}
	r.server.Notify(archives, "manifests/", ".index", func(body string) {
		mu.Lock()
		again := draw.Float64() < 0.2 // events are delivered at least once
		mu.Unlock()
		r.must(r.queues.Send(work, body))
		if again {
			r.must(r.queues.Send(work, body))
		}
	})
	return r
}

// must reports what the harness cannot go on without. It may be called from
// any goroutine.
func (r *run) must(err error) {
	if err != nil {
		r.t.Error(err)
	}
}

// rows is how many objects a manifest names.
const rows = 12

// maxSize is what the workers are told: larger objects are copied.
const maxSize = 10 << 20

// group plants objects, delivers an inventory of them and has s3grouper make
// manifests, which send their events to the queue.
func (r *run) group() {
	draw := r.random(3)
	var listed []sandbox.Listed
	for i := range *manifests * rows {
		// Characters that S3 Inventory encodes, in keys that sort as they count.
		key := fmt.Sprintf("%05d/%s.bin", i, []string{"plain", "with space", "plus+", "ü/日本", "100%"}[draw.IntN(5)])
		size := draw.Int64N(4 << 10)
		switch manifest, row := i/rows, i%rows; {
		case manifest%3 == 0 && row < 3: // an archive of several parts
			size = 2<<20 + draw.Int64N(1<<20)
		case manifest%6 == 0 && row == 3: // an object of several chunks
			size = 9<<20 + draw.Int64N(1<<19)
		case manifest%2 == 0 && row == 4:
			size = maxSize + 1 + draw.Int64N(1<<20)
		case draw.IntN(4) == 0:
			size = draw.Int64N(100 << 10)
		}
		p := sandbox.Planted{
			Generated: &sandbox.Generated{Size: size, Seed: draw.Uint64()},
			Modified:  time.Date(2026, 11, 23, 0, 0, i, 0, time.UTC),
		}
		switch row := i % rows; {
		case row == 5 && i/rows%3 != 2:
			r.refused[key] = "NoSuchKey"
		case row == 6 && i/rows%4 == 1:
			r.refused[key] = "Glacier"
			p.StorageClass = "GLACIER"
		case draw.IntN(10) == 0:
			p.Metadata = map[string]string{"n": fmt.Sprint(i), "text": "a,b;c=d"}
			p.Tags = map[string]string{"number": fmt.Sprint(i)}
		}
		etag := strings.Repeat("0", 32)
		if r.refused[key] != "NoSuchKey" {
			var err error
			etag, _, err = r.server.Plant(source, key, p)
			r.must(err)
		}
		r.contents[key] = *p.Generated
		listed = append(listed, sandbox.Listed{Key: key, Size: size, Modified: p.Modified, ETag: etag})
	}
	report, err := r.server.DeliverInventory(object.Location{Bucket: inventory}, source, 3, listed)
	r.must(err)
	cmd := exec.Command(filepath.Join(programs, "s3grouper"), "-m", report.String(), "-b", archives, "-p", "manifests", "-c", fmt.Sprint(rows))
	cmd.Env = r.environment(r.server.URL())
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("s3grouper: %v\n%s", err, out)
	}
	r.poison = []string{`<no event>`, `{"Bucket":"` + archives + `","Key":"manifests/not-there.index"}`}
	for _, body := range r.poison {
		r.must(r.queues.Send(work, body))
	}
	if n := len(r.left()); n < *manifests {
		r.t.Fatalf("%d messages of manifests, want at least %d", n, *manifests)
	}
}

func (r *run) environment(endpoint string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=testtest",
		"AWS_EC2_METADATA_DISABLED=true", "HOME=" + r.logs, "PATH=" + os.Getenv("PATH"),
	}
}

// left are the messages that are still to be worked on.
func (r *run) left() []string {
	bodies, err := r.queues.Bodies(work)
	r.must(err)
	return slices.DeleteFunc(bodies, func(b string) bool { return slices.Contains(r.poison, b) })
}

// keepLogs saves the workers' logs from the end of the test.
func (r *run) keepLogs() string {
	dir := *keep
	var err error
	if dir == "" {
		dir, err = os.MkdirTemp("", "chaos-logs")
	}
	if err == nil {
		dir = filepath.Join(dir, fmt.Sprintf("seed-%d", r.seed))
		err = os.CopyFS(dir, os.DirFS(r.logs))
	}
	if err != nil {
		return err.Error()
	}
	return dir
}

// pass hands a request to the sandbox.
func (r *run) pass(w http.ResponseWriter, req *http.Request) { r.server.ServeHTTP(w, req) }
