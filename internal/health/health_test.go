package health_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"s3bundler/internal/fault"
	"s3bundler/internal/health"
	"s3bundler/internal/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func check(c *health.Checks) (status int, text string) {
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest(http.MethodGet, health.Path, nil))
	return w.Code, w.Body.String()
}

func wantHealthy(t *testing.T, c *health.Checks, when string) {
	t.Helper()
	if status, text := check(c); status != http.StatusOK || text != "ok\n" {
		t.Errorf("%s: %d %q, want healthy", when, status, text)
	}
}

func wantIll(t *testing.T, c *health.Checks, when, says string) {
	t.Helper()
	if status, text := check(c); status != http.StatusServiceUnavailable || !strings.Contains(text, says) {
		t.Errorf("%s: %d %q, want 503 and %q", when, status, text, says)
	}
}

func TestAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := health.New(time.Minute)
		wantHealthy(t, c, "before any loop")
		first, endFirst := c.Start()
		_, endSecond := c.Start()
		time.Sleep(time.Minute)
		wantHealthy(t, c, "after a minute")
		time.Sleep(time.Second)
		first.Beat()
		wantIll(t, c, "one loop silent", "not asked for messages for 1m1s")
		endSecond()
		wantHealthy(t, c, "the silent loop ended")

		done := first.Work(t.Context(), "s3://b/k")
		time.Sleep(time.Hour)
		wantHealthy(t, c, "an hour into the work")
		done()
		wantHealthy(t, c, "work done")
		time.Sleep(2 * time.Minute)
		wantIll(t, c, "silent after the work", "not asked")
		endFirst()
		wantHealthy(t, c, "all loops ended")
	})
}

func TestLeaseHeld(t *testing.T) {
	tests := []struct {
		cause error
		ill   bool
	}{
		{fmt.Errorf("extend: %w", queue.ErrLost), true},
		{queue.ErrTooLong, true},
		{errors.New("draining"), false},
	}
	for _, tt := range tests {
		c := health.New(health.DefaultQuiet)
		l, end := c.Start()
		held, cancel := context.WithCancelCause(t.Context())
		done := l.Work(held, "s3://b/k")
		wantHealthy(t, c, "held")
		cancel(tt.cause)
		if tt.ill {
			wantIll(t, c, tt.cause.Error(), "s3://b/k")
		} else {
			wantHealthy(t, c, tt.cause.Error())
		}
		done()
		wantHealthy(t, c, "work given up")
		end()
	}
}

func TestOff(t *testing.T) {
	var c *health.Checks
	l, end := c.Start()
	l.Beat()
	l.Work(t.Context(), "s3://b/k")()
	end()
	wantHealthy(t, c, "nothing watched")
}

func TestServe(t *testing.T) {
	addr, stop, err := health.Serve(t.Context(), "127.0.0.1:0", health.New(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for request, want := range map[string]int{"GET /healthz": 200, "HEAD /healthz": 200, "POST /healthz": 405, "GET /": 404} {
		method, path, _ := strings.Cut(request, " ")
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", request, resp.StatusCode, want)
		}
	}
	if _, _, err := health.Serve(t.Context(), addr, nil); fault.ExitCode(err) != 2 {
		t.Errorf("an address that is taken: %v, want exit code 2", err)
	}
	stop()
	if _, err := client.Get("http://" + addr + health.Path); err == nil {
		t.Error("it serves on after stop")
	}
}

func TestAsk(t *testing.T) {
	socket := "unix:" + filepath.Join(t.TempDir(), "health.sock")
	for _, addr := range []string{"127.0.0.1:0", socket} {
		c := health.New(health.DefaultQuiet)
		bound, stop, err := health.Serve(t.Context(), addr, c)
		if err != nil {
			t.Fatal(err)
		}
		if err := health.Ask(t.Context(), bound); err != nil {
			t.Errorf("%s, all well: %v", addr, err)
		}
		l, end := c.Start()
		held, lose := context.WithCancelCause(t.Context())
		defer lose(nil)
		l.Work(held, "s3://b/k")
		lose(queue.ErrLost)
		if err := health.Ask(t.Context(), bound); err == nil || !strings.Contains(err.Error(), "s3://b/k is worked on") {
			t.Errorf("%s, a lease lost: %v", addr, err)
		}
		end()
		if _, _, err := health.Serve(t.Context(), bound, c); fault.ExitCode(err) != 2 {
			t.Errorf("%s is taken: %v, want exit code 2", addr, err)
		}
		stop()
		if err := health.Ask(t.Context(), bound); fault.ExitCode(err) != 1 {
			t.Errorf("%s after stop: %v, want exit code 1", addr, err)
		}
	}
}

// TestSocketLeftBehind is a worker that was killed and started again.
func TestSocketLeftBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "health.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, stop, err := health.Serve(t.Context(), "unix:"+path, health.New(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := health.Ask(t.Context(), "unix:"+path); err != nil {
		t.Error(err)
	}
}
