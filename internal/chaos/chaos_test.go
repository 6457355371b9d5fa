// Package chaos holds the workers to what they promise while they are killed,
// cut off from SQS and answered by a faulty S3: whatever happens, every row of
// the inventory is in exactly one archive, copy or dead-letter line.
//
// The programs are built and run as processes against a sandbox in the test's
// own. A seed decides what is planted, what fails and who is killed at which
// request; the kills at random moments depend on the machine's clock as well.
package chaos

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"s3bundler/internal/sandbox"
)

var (
	seed      = flag.Uint64("chaos.seed", 1, "seed of the first run; the others have the seeds after it")
	runs      = flag.Int("chaos.runs", 1, "number of runs")
	manifests = flag.Int("chaos.manifests", 12, "manifests in a run; 48 let every planned kill come true")
	keep      = flag.String("chaos.keep", "", "folder for the workers' logs of failed runs; default: a temporary one")
)

// The times of a run.
const (
	visibility = 3 * time.Second
	// upset is the mean time between kills at random moments, of each worker.
	upset = 2 * time.Second
	// stormy is how long that goes on. After it only what is planned happens,
	// so that a slow machine comes to an end too.
	stormy = 30 * time.Second
	// patience bounds a run.
	patience = 4 * time.Minute
	workers  = 3
)

// programs is the folder of the built programs.
var programs string

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	if programs, err = os.MkdirTemp("", "chaos"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	build := exec.Command("go", "build", "-o", programs+string(filepath.Separator), "s3bundler/cmd/s3bundler", "s3bundler/cmd/s3grouper")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(programs) // the system's own cleaning takes what is left
	os.Exit(code)
}

func TestChaos(t *testing.T) {
	for i := range *runs {
		s := *seed + uint64(i)
		t.Run(fmt.Sprintf("seed=%d", s), func(t *testing.T) {
			began := time.Now()
			r := newRun(t, s)
			r.group()
			r.storm()
			r.verify()
			t.Logf("%v, %d processes, %s", time.Since(began).Round(time.Second), r.started.Load(), r.plan)
			if t.Failed() {
				t.Logf("replay: go test ./internal/chaos -chaos.seed=%d -chaos.manifests=%d; logs in %s", s, *manifests, r.keepLogs())
			}
		})
	}
}

// storm runs the workers until the queue has no work left, with all that can
// go wrong going wrong.
func (r *run) storm() {
	r.server.SetFaults(r.s3Faults()...)
	r.queues.SetFaults(r.queueFaults())
	calm := make(chan struct{}) // closed when nobody is killed any more
	var slots sync.WaitGroup
	for i := range workers {
		slots.Go(func() { r.slot(i, calm) })
	}
	storm, deadline := time.NewTimer(stormy), time.NewTimer(patience)
	defer storm.Stop()
	defer deadline.Stop()
	calming := sync.OnceFunc(func() { close(calm) })
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for left := r.left(); len(left) > 0; left = r.left() {
		select {
		case <-tick.C:
			continue
		case <-storm.C:
			calming()
			continue
		case <-deadline.C:
			r.t.Errorf("%d messages are not done after %v, such as %s", len(left), patience, left[0])
		}
		break
	}
	calming()
	r.stopAll()
	slots.Wait()
	r.late.Wait() // requests that outlive their processes
	r.server.SetFaults()
	r.queues.SetFaults(nil)
}

// s3Faults are rare enough for the retries to get over them: what they break
// must not show.
func (r *run) s3Faults() []sandbox.Rule {
	rule := func(op, bucket string, p float64, f sandbox.Fault) sandbox.Rule {
		return sandbox.Rule{Operation: op, Bucket: bucket, Probability: p, Seed: r.seed, Fault: f}
	}
	ms := func(n int) sandbox.Duration { return sandbox.Duration(n) * sandbox.Duration(time.Millisecond) }
	return []sandbox.Rule{
		rule("GetObject", source, 0, sandbox.Fault{Kind: sandbox.Latency, Latency: ms(5)}),
		rule("PutObject", "", 0.5, sandbox.Fault{Kind: sandbox.Latency, Latency: ms(40)}),
		// Long enough for messages to be renewed, and for the grace to end.
		rule("UploadPart", "", 0.4, sandbox.Fault{Kind: sandbox.Latency, Latency: ms(1000)}),
		rule("PutObject", archives, 0.05, sandbox.Fault{Kind: sandbox.Latency, Latency: ms(1500)}),
		rule("CompleteMultipartUpload", "", 0.5, sandbox.Fault{Kind: sandbox.Latency, Latency: ms(1500)}),
		rule("", "", 0.01, sandbox.Fault{Kind: sandbox.SlowDown}),
		rule("", "", 0.01, sandbox.Fault{Kind: sandbox.InternalError}),
		rule("", "", 0.01, sandbox.Fault{Kind: sandbox.Reset}),
		rule("GetObject", source, 0.02, sandbox.Fault{Kind: sandbox.CutBody, At: 700}),
		rule("GetObject", source, 0.003, sandbox.Fault{Kind: sandbox.CorruptBody, At: 5}),
		rule("PutObject", "", 0.03, sandbox.Fault{Kind: sandbox.LoseAnswer}),
		rule("UploadPart", "", 0.03, sandbox.Fault{Kind: sandbox.LoseAnswer}),
		rule("CopyObject", "", 0.05, sandbox.Fault{Kind: sandbox.InternalErrorIn200}),
		rule("CompleteMultipartUpload", "", 0.05, sandbox.Fault{Kind: sandbox.InternalErrorIn200}),
		rule("CompleteMultipartUpload", "", 0.05, sandbox.Fault{Kind: sandbox.LoseAnswer}),
	}
}

func (r *run) queueFaults() func(sandbox.QueueCall) sandbox.QueueFault {
	return sandbox.SeededQueueFaults(r.seed,
		sandbox.QueueFaultRate{Share: 0.02, Fault: sandbox.QueueFault{Fail: sandbox.QueueThrottled}},
		sandbox.QueueFaultRate{Share: 0.02, Fault: sandbox.QueueFault{Fail: sandbox.QueueServerError}},
		sandbox.QueueFaultRate{Share: 0.02, Fault: sandbox.QueueFault{Fail: sandbox.QueueHangUp}},
		sandbox.QueueFaultRate{Operation: "DeleteMessage", Share: 0.05, Fault: sandbox.QueueFault{Fail: sandbox.QueueServerError, Late: true}},
		sandbox.QueueFaultRate{Operation: "DeleteMessage", Share: 0.03, Fault: sandbox.QueueFault{Fail: sandbox.QueueLostReceipt}},
		sandbox.QueueFaultRate{Operation: "ReceiveMessage", Share: 0.03, Fault: sandbox.QueueFault{Fail: sandbox.QueueHangUp, Late: true}},
		sandbox.QueueFaultRate{Operation: "ChangeMessageVisibility", Share: 0.03, Fault: sandbox.QueueFault{Fail: sandbox.QueueLostReceipt}},
		sandbox.QueueFaultRate{Operation: "ChangeMessageVisibility", Share: 0.1, Fault: sandbox.QueueFault{Delay: visibility / 2}},
	)
}

// random gives a generator of its own to each who draws.
func (r *run) random(who uint64) *rand.Rand { return rand.New(rand.NewPCG(r.seed, who)) }
