package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// process is one worker from its start to its end. It is the endpoint that the
// worker speaks to, so that what a request brings about befalls its sender.
type process struct {
	*run
	cmd  *exec.Cmd
	gone chan struct{} // closed when it has ended

	asks  sync.Once
	asked chan struct{} // closed with its first request

	mu      sync.Mutex
	told    syscall.Signal  // sent to it; 0 if none
	cut     time.Time       // until when SQS is away
	uploads map[string]bool // those it knows to have begun
}

// slot keeps one worker running, and upsets it now and then until calm.
func (r *run) slot(i int, calm <-chan struct{}) {
	draw := r.random(uint64(100 + i))
	for {
		p := r.start(i)
		if p == nil {
			return
		}
		select {
		case <-p.gone:
		case <-p.asked:
			p.upsetSometime(draw, calm)
		}
		<-p.gone
		p.check()
	}
}

// upsetSometime signals the process at a random moment, if it lasts so long.
func (p *process) upsetSometime(draw *rand.Rand, calm <-chan struct{}) {
	next := time.NewTimer(time.Duration(draw.ExpFloat64() * float64(upset)))
	defer next.Stop()
	select {
	case <-p.gone:
	case <-calm:
	case <-next.C:
		if draw.IntN(2) == 0 {
			p.signal(syscall.SIGKILL)
		} else {
			p.signal(syscall.SIGTERM)
		}
	}
}

// start gives the process of slot i; nil if the run has ended.
func (r *run) start(i int) *process {
	p := &process{run: r, gone: make(chan struct{}), asked: make(chan struct{}), uploads: map[string]bool{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Error(err)
		return nil
	}
	endpoint := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	args := []string{
		"-q", work, "-b", archives, "-p", "archive", "-s", fmt.Sprint(maxSize), "--memory", "32MB", "--in-flight", "8",
		"--workers", fmt.Sprint(1 + r.seed%3/2), "-n", fmt.Sprint([]int{0, 2, 5}[i%3]), "--grace-period", "700ms", "-v", "--metrics", "emf",
	}
	if r.compress {
		args = append(args, "-c")
	}
	p.cmd = exec.Command(filepath.Join(programs, "s3bundler"), args...)
	p.cmd.Env = r.environment("http://" + listener.Addr().String())
	lines, err := os.OpenFile(filepath.Join(r.logs, fmt.Sprintf("worker-%d.log", i)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	r.must(err)
	p.cmd.Stderr = lines

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		r.must(errors.Join(listener.Close(), lines.Close()))
		return nil
	}
	r.must(p.cmd.Start())
	r.started.Add(1)
	r.running[p] = true
	r.late.Go(func() { _ = endpoint.Serve(listener) }) // until Shutdown
	r.late.Go(func() {
		_ = p.cmd.Wait() // check looks at how it ended
		_, err := fmt.Fprintf(lines, "--- %v, told %v\n", p.cmd.ProcessState, p.wasTold())
		r.must(errors.Join(err, lines.Close()))
		r.mu.Lock()
		delete(r.running, p)
		r.mu.Unlock()
		close(p.gone)
		r.must(endpoint.Shutdown(context.Background())) // waits for the requests that are held up
	})
	return p
}

// stopAll ends the run: its processes drain, and no other starts.
func (r *run) stopAll() {
	r.mu.Lock()
	r.ended = true
	var all []*process
	for p := range r.running {
		all = append(all, p)
	}
	r.mu.Unlock()
	for _, p := range all {
		p.signal(syscall.SIGTERM)
	}
}

// signal tells the process to end, unless it was told before: a second signal
// would end a draining worker at once.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told == 0 || s == syscall.SIGKILL {
		p.told = s
		_ = p.cmd.Process.Signal(s) // it may just have ended
	}
}

func (p *process) wasTold() syscall.Signal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told
}

// check looks at how the process has ended. One that was not killed must leave
// no upload open that it knows of.
func (p *process) check() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told == syscall.SIGKILL {
		return
	}
	// A signal that comes before the program minds signals ends it.
	early := p.told != 0
	select {
	case <-p.asked:
		early = false
	default:
	}
	if p.cmd.ProcessState.ExitCode() != 0 && !early {
		p.t.Errorf("a worker ended with %v, told %v", p.cmd.ProcessState, p.told)
	}
	for _, u := range p.server.Uploads() {
		if p.uploads[u.UploadID] {
			p.t.Errorf("a worker that has drained leaves an upload of %s open", u.Key)
		}
	}
}

// ServeHTTP passes the worker's requests on, and lets happen what is planned.
func (p *process) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asks.Do(func() { close(p.asked) })
	s := stepOf(r)
	p.mu.Lock()
	cut := time.Now().Before(p.cut)
	p.mu.Unlock()
	if cut && r.Header.Get("X-Amz-Target") != "" {
		panic(http.ErrAbortHandler)
	}
	a, planned := p.plan.take(s)
	switch {
	case planned:
		p.upset(a, w, r)
	case s == create:
		p.deliver(w, p.record(r.Context(), r))
	default:
		p.pass(w, r)
	}
}

// upset lets a befall the worker.
func (p *process) upset(a action, w http.ResponseWriter, r *http.Request) {
	switch a {
	case termBefore:
		p.signal(syscall.SIGTERM)
		p.deliver(w, p.record(r.Context(), r))
		return
	case termAfter:
		done := p.record(r.Context(), r)
		p.signal(syscall.SIGTERM)
		p.deliver(w, done)
		return
	case killBefore:
		p.kill()
	case killAfter:
		p.record(r.Context(), r)
		p.kill()
	case killAmid:
		again := whole(r)
		p.kill()
		hold(visibility * 3 / 2)
		p.record(context.Background(), again)
	case cutOff:
		again := whole(r)
		p.mu.Lock()
		p.cut = time.Now().Add(2 * visibility)
		p.mu.Unlock()
		hold(2 * visibility)
		p.record(context.Background(), again)
	}
	panic(http.ErrAbortHandler)
}

// kill ends the process and waits until it is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.gone
}

// hold waits, whether or not the client does.
func hold(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	<-t.C
}

// whole is a request that no longer needs its connection.
func whole(r *http.Request) *http.Request {
	body, err := io.ReadAll(r.Body)
	if err != nil { // its sender is gone already
		panic(http.ErrAbortHandler)
	}
	again := r.Clone(context.Background())
	again.Body = io.NopCloser(bytes.NewReader(body))
	return again
}

// recorded is an answer that is not sent yet.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *recorded) Header() http.Header { return a.header }

func (a *recorded) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *recorded) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// record has a request answered; nil if the connection is to be cut instead.
func (p *process) record(ctx context.Context, r *http.Request) (done *recorded) {
	defer func() {
		if cut := recover(); cut != nil {
			if cut != http.ErrAbortHandler {
				panic(cut)
			}
			done = nil
		}
	}()
	a := &recorded{header: http.Header{}}
	p.pass(a, r.WithContext(ctx))
	if a.status == 0 { // SQS has hung up
		return nil
	}
	return a
}

var uploadID = regexp.MustCompile(`<UploadId>([^<]+)</UploadId>`)

// deliver sends an answer to the worker, which now knows of its upload.
func (p *process) deliver(w http.ResponseWriter, a *recorded) {
	if a == nil {
		panic(http.ErrAbortHandler)
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if m := uploadID.FindSubmatch(a.body.Bytes()); m != nil {
		p.mu.Lock()
		p.uploads[string(m[1])] = true
		p.mu.Unlock()
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // the worker may be gone
}
