package chaos_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
)

var (
	first = flag.Uint64("seed", 1, "the first seed")
	seeds = flag.Int("seeds", 1, "how many seeds")
	full  = flag.Bool("full", false, "40 manifests a seed instead of 10")

	grouperBinary, bundlerBinary string
)

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		panic(err)
	}
	grouperBinary, bundlerBinary = filepath.Join(dir, "s3grouper"), filepath.Join(dir, "s3bundler")
	build := exec.Command("go", "build", "-o", dir, "s3bundler/cmd/s3grouper", "s3bundler/cmd/s3bundler")
	build.Stderr = os.Stderr
	code := 1
	if err := build.Run(); err == nil {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func TestChaos(t *testing.T) {
	for i := range *seeds {
		seed := *first + uint64(i)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			manifests, kills := 10, 12
			if *full {
				manifests, kills = 40, 50
			}
			run(t, seed, manifests, kills)
			if t.Failed() {
				t.Logf("replay: go test ./internal/chaos -args -seed %d -full=%v", seed, *full)
			}
		})
	}
}

// workers is how many processes work on the queue at once.
const workers = 3

func run(t *testing.T, seed uint64, manifests, kills int) {
	const rows = 25
	w := newWorld(t, seed, manifests, rows)
	env := append(os.Environ(), "AWS_ACCESS_KEY_ID=chaos", "AWS_SECRET_ACCESS_KEY=chaos", "AWS_REGION=us-east-1",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
	report, err := w.server.DeliverInventory(object.Location{Bucket: archive, Key: "inventory/"}, source, 3, w.rows)
	w.must(err)
	group := exec.Command(grouperBinary, "-m", report.String(), "-b", archive, "-p", "manifests", "-c", fmt.Sprint(rows))
	group.Env = append(env, "AWS_ENDPOINT_URL="+w.server.URL())
	if out, err := group.CombinedOutput(); err != nil {
		t.Fatalf("s3grouper: %v\n%s", err, out)
	}
	if d, err := w.queues.Depth(queue); err != nil || d.Visible != manifests {
		t.Fatalf("%+v messages, %v; want %d", d, err, manifests)
	}
	w.fail(seed)

	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	args := []string{"-q", queue, "-b", archive, "-p", "archive", "-s", fmt.Sprint(maxSize), "--memory", "32MB", "--grace-period", "1s"}
	if seed%2 == 0 {
		args = append(args, "-c")
	}
	// Each process appends its own.
	env, args = slices.Clip(env), slices.Clip(args)
	c := &campaign{w: w, left: kills, orphans: map[string]bool{}, counts: map[string]int{}}
	var all sync.WaitGroup
	empty, stop := context.WithCancel(ctx)
	defer stop()
	for range workers {
		rng := rand.New(rand.NewPCG(seed, w.rng.Uint64()))
		all.Go(func() { c.work(empty, rng, env, args) })
	}
	all.Go(func() {
		defer stop()
		c.untilEmpty(ctx)
	})
	all.Wait()
	if ctx.Err() != nil {
		t.Errorf("the queue was not emptied in time")
	}
	t.Logf("seed %d: %v", seed, c.counts)
	c.check()
}

// fail lets S3 and SQS fail here and there.
func (w *world) fail(seed uint64) {
	rule := func(operation string, share float64, kind sandbox.Kind) sandbox.Rule {
		return sandbox.Rule{Operation: operation, Probability: share, Seed: seed, Fault: sandbox.Fault{Kind: kind, At: 500}}
	}
	w.server.SetFaults(
		rule("GetObject", 0.02, sandbox.SlowDown), rule("GetObject", 0.02, sandbox.CutBody), rule("GetObject", 0.01, sandbox.CorruptBody),
		rule("", 0.01, sandbox.InternalError), rule("", 0.01, sandbox.Reset), rule("", 0.01, sandbox.LoseAnswer),
		rule("CompleteMultipartUpload", 0.05, sandbox.InternalErrorIn200), rule("CopyObject", 0.05, sandbox.InternalErrorIn200),
	)
	w.queues.SetFaults(sandbox.SeededQueueFaults(seed,
		sandbox.QueueFaultRate{Share: 0.02, Fault: sandbox.QueueFault{Fail: sandbox.QueueThrottled}},
		sandbox.QueueFaultRate{Share: 0.02, Fault: sandbox.QueueFault{Fail: sandbox.QueueServerError}},
		sandbox.QueueFaultRate{Share: 0.02, Fault: sandbox.QueueFault{Fail: sandbox.QueueHangUp}},
		sandbox.QueueFaultRate{Operation: "DeleteMessage", Share: 0.05, Fault: sandbox.QueueFault{Fail: sandbox.QueueServerError, Late: true}},
		sandbox.QueueFaultRate{Operation: "ChangeMessageVisibility", Share: 0.05, Fault: sandbox.QueueFault{Fail: sandbox.QueueLostReceipt}},
	))
}

// campaign is the killing of workers.
type campaign struct {
	w *world

	mu      sync.Mutex
	left    int             // processes that may still be killed
	orphans map[string]bool // uploads that killed processes have begun
	counts  map[string]int  // how processes ended
}

// plan draws the end of the next process.
func (c *campaign) plan(rng *rand.Rand) plan {
	p := plan{signal: syscall.SIGKILL, publish: rng.IntN(3) > 0, after: rng.IntN(2) == 0, nth: 1 + rng.IntN(60)}
	if rng.IntN(3) == 0 {
		p.signal = syscall.SIGTERM
	}
	if p.publish {
		p.nth = 1 + rng.IntN(8)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		return plan{}
	}
	c.left--
	return p
}

// work keeps one worker process running until empty ends.
func (c *campaign) work(empty context.Context, rng *rand.Rand, env, args []string) {
	for empty.Err() == nil {
		p := start(c.w.t, c.w.server, c.plan(rng), env, append(args, "-n", fmt.Sprint(rng.IntN(3)), "--workers", fmt.Sprint(1+rng.IntN(2)))...)
		release := context.AfterFunc(empty, p.terminate)
		killed, err := p.wait()
		release()
		c.mu.Lock()
		switch {
		case err != nil:
			c.w.t.Error(err)
			c.counts["ended wrongly"]++
		case killed:
			maps.Copy(c.orphans, p.uploads)
			c.counts["killed"]++
		case p.hit:
			c.counts["drained"]++
		default:
			c.counts["ended by itself"]++
		}
		c.mu.Unlock()
	}
}

// untilEmpty waits until the queue has no message left.
func (c *campaign) untilEmpty(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		d, err := c.w.queues.Depth(queue)
		if err != nil || d.Visible+d.InFlight+d.Delayed == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// check is what must be so at the end, whatever has happened.
func (c *campaign) check() {
	t := c.w.t
	c.w.server.SetFaults()
	c.w.queues.SetFaults(nil)
	if err := c.w.account(); err != nil {
		t.Error(err)
	}
	for _, u := range c.w.server.Uploads() {
		if !c.orphans[u.UploadID] {
			t.Errorf("a worker that was not killed left the upload of %s open", u.Key)
		}
	}
	if d, err := c.w.queues.Depth(letters); err != nil || d.Visible+d.InFlight > 0 {
		t.Errorf("dead-letter queue: %+v, %v", d, err)
	}
}
