package chaos_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// plan is how a worker process ends.
type plan struct {
	signal  syscall.Signal // 0: it is left alone
	publish bool           // count only requests that publish
	nth     int
	after   bool // S3 has done what was asked
}

func (p plan) String() string {
	if p.signal == 0 {
		return "left alone"
	}
	what, when := "request", "before"
	if p.publish {
		what = "publishing request"
	}
	if p.after {
		when = "after"
	}
	return fmt.Sprintf("%v %s %s %d", p.signal, when, what, p.nth)
}

// process is one worker with an address of its own for AWS, which shows what
// it asks for.
type process struct {
	plan   plan
	server *httptest.Server
	cmd    *exec.Cmd
	log    bytes.Buffer
	ended  chan error

	mu      sync.Mutex
	count   int
	hit     bool
	uploads map[string]bool // multipart uploads it has begun
}

// start runs a worker under a plan. Everything it asks of AWS goes to aws.
func start(t *testing.T, aws http.Handler, p plan, env []string, args ...string) *process {
	t.Helper()
	w := &process{plan: p, ended: make(chan error, 1), uploads: map[string]bool{}}
	w.server = httptest.NewServer(w.watch(aws))
	w.cmd = exec.Command(bundlerBinary, args...)
	w.cmd.Env = append(env, "AWS_ENDPOINT_URL="+w.server.URL)
	w.cmd.Stderr = &w.log
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { w.ended <- w.cmd.Wait() }()
	return w
}

// watch hands requests on and carries out the plan.
func (w *process) watch(aws http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		now := w.due(r)
		if now && !w.plan.after {
			w.strike()
		}
		w.serve(aws, rw, r)
		if now && w.plan.after {
			w.strike()
		}
	})
}

// strike sends the signal. A process that was killed gets no answer.
func (w *process) strike() {
	// That it has ended by itself meanwhile is no failure.
	_ = w.cmd.Process.Signal(w.plan.signal)
	if w.plan.signal == syscall.SIGKILL {
		panic(http.ErrAbortHandler)
	}
}

// due reports whether this request is the one that the plan is for.
func (w *process) due(r *http.Request) bool {
	if w.plan.signal == 0 || w.plan.publish && !publishes(r) {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	if w.hit || w.count < w.plan.nth {
		return false
	}
	w.hit = true
	return true
}

// publishes tells the requests after which a row may be in another place:
// those that store or complete something, and that delete a message.
func publishes(r *http.Request) bool {
	switch {
	case strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DeleteMessage"):
		return true
	case r.Method == http.MethodPost:
		return r.URL.Query().Has("uploadId")
	}
	return r.Method == http.MethodPut && !r.URL.Query().Has("partNumber")
}

// serve hands a request on, and remembers the multipart uploads that begin.
func (w *process) serve(aws http.Handler, rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !r.URL.Query().Has("uploads") {
		aws.ServeHTTP(rw, r)
		return
	}
	answer := httptest.NewRecorder()
	aws.ServeHTTP(answer, r)
	_, rest, _ := strings.Cut(answer.Body.String(), "<UploadId>")
	if id, _, ok := strings.Cut(rest, "<"); ok {
		w.mu.Lock()
		w.uploads[id] = true
		w.mu.Unlock()
	}
	for name, values := range answer.Header() {
		rw.Header()[name] = values
	}
	rw.WriteHeader(answer.Code)
	_, _ = rw.Write(answer.Body.Bytes()) // the client may be gone
}

// wait waits for the end and says how it came: whether the process was killed,
// and an error if it ended as no plan explains.
func (w *process) wait() (killed bool, err error) {
	err = <-w.ended
	w.server.Close()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() && s.Signal() == syscall.SIGKILL {
			return true, nil
		}
	}
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", w.plan, err, w.log.String())
	}
	return false, err
}

// terminate asks the process to drain.
func (w *process) terminate() { _ = w.cmd.Process.Signal(syscall.SIGTERM) }
