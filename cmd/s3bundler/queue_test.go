package main_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"s3bundler/internal/sandbox"
)

// service is a sandbox with a queue for s3bundler -q.
type service struct {
	*sandbox.Server
	queues *sandbox.Queues
}

// startService starts a sandbox whose bucket "dst" sends events of manifests
// to the queue "manifests", as the stack's does.
func startService(t *testing.T, opt sandbox.Options) service {
	t.Helper()
	queues := sandbox.NewQueues(sandbox.QueueOptions{})
	if err := queues.Create("manifests", map[string]string{"VisibilityTimeout": "600"}); err != nil {
		t.Fatal(err)
	}
	opt.Queues = queues
	s, err := sandbox.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for name, opt := range map[string]sandbox.BucketOptions{"src": {}, "dst": {}, "sink": {Discard: true}} {
		if err := s.CreateBucket(name, opt); err != nil {
			t.Fatal(err)
		}
	}
	s.Notify("dst", "manifests/", ".index", func(body string) {
		if err := queues.Send("manifests", body); err != nil {
			t.Error(err)
		}
	})
	return service{s, queues}
}

// upload puts an object by the API, which sends an event.
func (s service) upload(t *testing.T, bucket, key, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL()+"/"+bucket+"/"+key, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("PUT %s: %s", key, resp.Status)
	}
}

func (s service) depth(t *testing.T) (visible, inFlight int) {
	t.Helper()
	d, err := s.queues.Depth("manifests")
	if err != nil {
		t.Fatal(err)
	}
	return d.Visible, d.InFlight
}

// process is the command while it runs.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{} // closed after exit is set
	exit           int
}

// output collects what a process writes and wakes who waits for it.
type output struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return o.buf.Write(p)
}

// now is what was written so far, and a channel that is closed with the next.
func (o *output) now() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.buf.String(), o.changed
}

func (s service) start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.Env = append([]string{
		"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true", "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=testtest", "AWS_ENDPOINT_URL=" + s.URL(),
	}, env...)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the exit code tells
		p.exit = p.cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
	})
	return p
}

// says waits for the process to write text to its standard error.
func (p *process) says(text string) {
	p.t.Helper()
	for {
		got, changed := p.stderr.now()
		if strings.Contains(got, text) {
			return
		}
		select {
		case <-changed:
		case <-p.ended:
			if got, _ := p.stderr.now(); !strings.Contains(got, text) {
				p.t.Fatalf("exit %d without saying %q:\n%s", p.exit, text, got)
			}
			return
		case <-time.After(time.Minute):
			p.t.Fatalf("did not say %q:\n%s", text, got)
		}
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait gives the exit code, -1 after a signal.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		got, _ := p.stderr.now()
		p.t.Fatalf("does not end:\n%s", got)
	}
	return p.exit
}

func (p *process) errors() string {
	got, _ := p.stderr.now()
	return got
}

func TestQueueOfEvents(t *testing.T) {
	s := startService(t, sandbox.Options{})
	for i := range 3 {
		plant(t, s.Server, "src", fmt.Sprintf("k%d", i), sandbox.Planted{Body: []byte("content")})
	}
	s.upload(t, "dst", "manifests/a.0.index", "src,k0,7\nsrc,gone,1\n")
	s.upload(t, "dst", "manifests/b+%252F.0.index", "src,k1,7\n") // a key that events encode
	if err := s.queues.Send("manifests", `{"Bucket":"dst","Key":"manifests/a.0.index"}`); err != nil {
		t.Fatal(err)
	}
	socket := "unix:" + filepath.Join(t.TempDir(), "health")
	p := s.start(t, nil, "-q", "manifests", "-b", "dst", "-p", "archive", "-n", "4", "-v", "--metrics", "emf", "--health-addr", socket)
	p.says("archived before: s3://dst/manifests/a.0.index")
	if r := run(t, s.URL(), "healthcheck", "--health-addr", socket); r.exit != 0 || r.stderr != "" {
		t.Errorf("healthcheck: exit %d: %s", r.exit, r.stderr)
	}
	s.upload(t, "dst", "manifests/c.0.index", "src,k2,7\n")
	if exit := p.wait(); exit != 0 {
		t.Errorf("exit %d", exit)
	}
	for _, phrase := range []string{
		"begin processing s3://dst/manifests/a.0.index", "successfully archived s3://dst/manifests/b+%2F.0.index",
		"3 objects, 21 B, 3 archives, 1 dead letter (NoSuchKey 1)",
	} {
		if !strings.Contains(p.errors(), phrase) {
			t.Errorf("the log lacks %q:\n%s", phrase, p.errors())
		}
	}
	lines, _ := p.stdout.now()
	if n := strings.Count(lines, `"Manifests":1,`); n != 3 {
		t.Errorf("metrics of %d manifests, want 3:\n%s", n, lines)
	}
	if visible, inFlight := s.depth(t); visible+inFlight != 0 {
		t.Errorf("%d messages visible, %d in flight, want none", visible, inFlight)
	}
	if r := run(t, s.URL(), "healthcheck", "--health-addr", socket); r.exit != 1 {
		t.Errorf("healthcheck of a worker that has ended: exit %d", r.exit)
	}
}

// TestPoison holds a worker to go on where a message cannot be worked on.
func TestPoison(t *testing.T) {
	s := startService(t, sandbox.Options{})
	plant(t, s.Server, "src", "k", sandbox.Planted{Body: []byte("content")})
	for _, body := range []string{"what?", `{"Bucket":"dst","Key":"manifests/none.index"}`} {
		if err := s.queues.Send("manifests", body); err != nil {
			t.Fatal(err)
		}
	}
	s.upload(t, "dst", "manifests/a.0.index", "src,k,7\n")
	p := s.start(t, nil, "-q", s.queues.ARN("manifests"), "-b", "dst", "-n", "3")
	if exit := p.wait(); exit != 0 || strings.Count(p.errors(), "ERROR:") != 2 || !strings.Contains(p.errors(), "1 archive") {
		t.Errorf("exit %d:\n%s", exit, p.errors())
	}
	if visible, inFlight := s.depth(t); visible != 0 || inFlight != 2 {
		t.Errorf("%d messages visible, %d in flight, want 2 in flight until their time is over", visible, inFlight)
	}
}

// TestSIGTERMAmidBundle stops a worker that has archived some of 2 GiB.
func TestSIGTERMAmidBundle(t *testing.T) {
	const grace = time.Second
	var parts atomic.Int64
	amid := make(chan struct{})
	s := startService(t, sandbox.Options{Before: func(e sandbox.Exchange) {
		if e.Operation == "UploadPart" && parts.Add(1) == 12 {
			close(amid)
		}
	}})
	var rows strings.Builder
	for i := range 64 {
		key, size := fmt.Sprintf("k%d", i), int64(32<<20)
		plant(t, s.Server, "src", key, sandbox.Planted{ETag: strings.Repeat("0", 31) + "1-1", Checksum: "none", Generated: &sandbox.Generated{Size: size, Seed: uint64(i)}})
		fmt.Fprintf(&rows, "src,%s,%d\n", key, size)
	}
	// A part takes S3 a moment, so that 2 GiB take much longer than the grace.
	s.SetFaults(sandbox.Rule{Operation: "UploadPart", Fault: sandbox.Fault{Kind: sandbox.Latency, Latency: sandbox.Duration(500 * time.Millisecond)}})
	s.upload(t, "dst", "manifests/large.0.index", rows.String())
	p := s.start(t, nil, "-q", "manifests", "-b", "sink", "--grace-period", grace.String())
	<-amid
	p.signal(syscall.SIGTERM)
	signalled := time.Now()
	if exit := p.wait(); exit != 0 {
		t.Errorf("exit %d:\n%s", exit, p.errors())
	}
	if took := time.Since(signalled); took > grace+5*time.Second {
		t.Errorf("it ended %v after SIGTERM, with a grace of %v", took, grace)
	}
	if open := s.Uploads(); len(open) > 0 {
		t.Errorf("uploads left open: %v", open)
	}
	if visible, inFlight := s.depth(t); visible != 1 || inFlight != 0 {
		t.Errorf("%d messages visible, %d in flight, want the one visible at once", visible, inFlight)
	}
	if n := parts.Load(); n > 120 {
		t.Errorf("all %d parts were sent: it was not stopped amid its work", n)
	}
}

// TestDrainIsBounded stops a worker that waits for an answer which never comes,
// and gets none to its last words either.
func TestDrainIsBounded(t *testing.T) {
	const grace = 100 * time.Millisecond
	for _, tt := range []struct{ silent, amid string }{
		{"AbortMultipartUpload", "UploadPart"},
		{"CreateMultipartUpload", "CreateMultipartUpload"},
		{"CopyObject", "CopyObject"},
		{"DeleteMessage", "DeleteMessage"},
	} {
		t.Run(tt.silent, func(t *testing.T) {
			t.Parallel()
			amid := make(chan struct{})
			reached := sync.OnceFunc(func() { close(amid) })
			s := startService(t, sandbox.Options{Before: func(e sandbox.Exchange) {
				if e.Operation == tt.amid {
					reached()
				}
			}})
			s.queues.SetFaults(func(c sandbox.QueueCall) (f sandbox.QueueFault) {
				if c.Operation == tt.amid {
					reached()
				}
				if c.Operation == tt.silent || c.Operation == "ChangeMessageVisibility" {
					f.Delay = time.Hour
				}
				return f
			})
			if !strings.HasSuffix(tt.silent, "Message") {
				// The last object keeps it busy.
				hour := sandbox.Fault{Kind: sandbox.Latency, Latency: sandbox.Duration(time.Hour)}
				s.SetFaults(sandbox.Rule{Operation: tt.silent, Fault: hour}, sandbox.Rule{Operation: "GetObject", Bucket: "src", Key: "last", Fault: hour})
			}
			large := sandbox.Generated{Size: 40 << 20, Seed: 1}
			for _, key := range []string{"copied", "large"} {
				plant(t, s.Server, "src", key, sandbox.Planted{ETag: strings.Repeat("0", 31) + "1-1", Checksum: "none", Generated: &large})
			}
			plant(t, s.Server, "src", "last", sandbox.Planted{Body: []byte("content")})
			s.upload(t, "dst", "manifests/a.0.index", fmt.Sprintf("src,copied,%d\nsrc,large,%d\nsrc,last,7\n", 50<<20, large.Size))
			p := s.start(t, nil, "-q", "manifests", "-b", "dst", "--maxsize", "45MB", "--grace-period", grace.String())
			<-amid
			p.signal(syscall.SIGTERM)
			signalled := time.Now()
			if exit := p.wait(); exit != 0 {
				t.Errorf("exit %d:\n%s", exit, p.errors())
			}
			if took := time.Since(signalled); took > grace+5*time.Second {
				t.Errorf("it ended %v after SIGTERM, with a grace of %v:\n%s", took, grace, p.errors())
			}
		})
	}
}

// TestSignals says how a worker ends that has one message in hand, which it
// cannot finish, or none.
func TestSignals(t *testing.T) {
	for _, tt := range []struct {
		name    string
		signals []syscall.Signal
		busy    bool
		exit    int
		visible int
	}{
		{"SIGTERM, idle", []syscall.Signal{syscall.SIGTERM}, false, 0, 0},
		{"SIGINT, idle", []syscall.Signal{syscall.SIGINT}, false, 130, 0},
		{"SIGINT, busy", []syscall.Signal{syscall.SIGINT}, true, 130, 1},
		{"SIGTERM twice", []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, true, -1, 0},
		{"SIGINT and SIGTERM", []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, true, -1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startService(t, sandbox.Options{})
			polls := make(chan struct{}, 100)
			s.queues.SetFaults(func(c sandbox.QueueCall) (f sandbox.QueueFault) {
				if c.Operation == "ReceiveMessage" {
					polls <- struct{}{}
				}
				return f
			})
			grace := "1h"
			if len(tt.signals) == 1 {
				grace = "10ms"
			}
			if tt.busy {
				plant(t, s.Server, "src", "k", sandbox.Planted{Body: []byte("content")})
				s.SetFaults(sandbox.Rule{Operation: "GetObject", Bucket: "src", Fault: sandbox.Fault{Kind: sandbox.Latency, Latency: sandbox.Duration(time.Hour)}})
				s.upload(t, "dst", "manifests/a.0.index", "src,k,7\n")
			}
			p := s.start(t, nil, "-q", "manifests", "-b", "dst", "--grace-period", grace)
			if <-polls; tt.busy {
				p.says("begin processing")
			}
			for i, sig := range tt.signals {
				p.signal(sig)
				if i == 0 {
					p.says("receiving no more messages")
				}
			}
			if exit := p.wait(); exit != tt.exit {
				t.Errorf("exit %d, want %d:\n%s", exit, tt.exit, p.errors())
			}
			if visible, _ := s.depth(t); visible != tt.visible {
				t.Errorf("%d messages visible, want %d", visible, tt.visible)
			}
			if n := s.queues.Calls("ReceiveMessage"); n != 1 {
				t.Errorf("it asked %d times for messages, want once", n)
			}
		})
	}
}

// TestSpotNotice takes the machine away, as its metadata tells.
func TestSpotNotice(t *testing.T) {
	var notice atomic.Bool
	instance := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/latest/api/token":
			fmt.Fprint(w, "token")
		case strings.HasSuffix(r.URL.Path, "/spot/instance-action") && notice.Load():
			fmt.Fprint(w, `{"action":"terminate","time":"2026-11-23T11:36:13Z"}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer instance.Close()
	s := startService(t, sandbox.Options{})
	plant(t, s.Server, "src", "k", sandbox.Planted{Body: []byte("content")})
	s.SetFaults(sandbox.Rule{Operation: "GetObject", Bucket: "src", Fault: sandbox.Fault{Kind: sandbox.Latency, Latency: sandbox.Duration(time.Hour)}})
	s.upload(t, "dst", "manifests/a.0.index", "src,k,7\n")
	p := s.start(t, []string{"AWS_EC2_METADATA_DISABLED=false", "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + instance.URL},
		"-q", "manifests", "-b", "dst", "--grace-period", "10ms")
	p.says("begin processing")
	notice.Store(true)
	p.says("the Spot instance will be terminated")
	if exit := p.wait(); exit != 0 {
		t.Errorf("exit %d:\n%s", exit, p.errors())
	}
	if visible, inFlight := s.depth(t); visible != 1 || inFlight != 0 {
		t.Errorf("%d messages visible, %d in flight, want the one visible at once", visible, inFlight)
	}
}

func TestWrongUseOfQueues(t *testing.T) {
	s := startService(t, sandbox.Options{})
	if err := s.queues.Create("zero", map[string]string{"VisibilityTimeout": "0"}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		says string
	}{
		{"both sources", []string{"-q", "manifests", "-m", "s3://dst/k"}, "not from both"},
		{"a flag without its queue", []string{"-m", "s3://dst/k", "--metrics", "emf"}, "--metrics goes with -q"},
		{"unknown metrics", []string{"-q", "manifests", "--metrics", "statsd"}, "emf"},
		{"no such queue", []string{"-q", "none"}, "none"},
		{"no queue's name", []string{"-q", "a b"}, "name, URL or ARN"},
		{"a timeout of 0", []string{"-q", "zero"}, "VisibilityTimeout"},
		{"no address", []string{"-q", "manifests", "--health-addr", "nowhere"}, "--health-addr"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, s.URL(), append(tt.args, "-b", "dst")...)
			if r.exit != 2 || !strings.Contains(r.stderr, tt.says) || strings.Count(r.stderr, "ERROR:") != 1 {
				t.Errorf("exit %d, want 2 and %q:\n%s", r.exit, tt.says, r.stderr)
			}
		})
	}
	s.SetFaults(sandbox.Rule{Operation: "GetQueueUrl", Fault: sandbox.Fault{Kind: sandbox.AccessDenied}})
	if r := run(t, s.URL(), "-q", "manifests", "-b", "dst"); r.exit != 2 || !strings.Contains(r.stderr, "sqs:GetQueueUrl") {
		t.Errorf("access denied: exit %d: %s", r.exit, r.stderr)
	}
}
