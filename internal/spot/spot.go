// Package spot hands over notice that this machine or task will be taken away,
// as long before as AWS tells: two minutes for a Spot instance.
package spot

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	// DefaultInterval is how often AWS advises to ask. See "Spot Instance
	// interruption notices" in the EC2 User Guide.
	DefaultInterval = 5 * time.Second
	// timeout bounds one request: both services answer within the machine.
	timeout = 2 * time.Second
	// tries is how often a service may fail before it has ever answered. Then
	// it is taken for absent: containers often cannot reach the instance's.
	tries = 3
)

// Options say what to watch. The zero value watches nothing.
type Options struct {
	// Instance is the base URL of the EC2 instance metadata service; empty if
	// there is none. Its version 2 is spoken.
	Instance string
	// Task is the base URL of the ECS task metadata endpoint, version 4;
	// empty if there is none.
	Task string
	// Interval between two questions; 0 means DefaultInterval.
	Interval time.Duration
	// Transport carries the requests; nil means one of its own that uses no
	// proxy.
	Transport http.RoundTripper
	// Log, which may be nil, gets a debug line for a service that is taken
	// for absent.
	Log *slog.Logger
}

// Notice is why a watched context ended.
type Notice struct {
	// What is to happen, such as "the Spot instance will be terminated".
	What string
	// At is when; zero if AWS does not tell.
	At time.Time
}

// Error makes a Notice the cause of a context's end.
func (n *Notice) Error() string {
	if n.At.IsZero() {
		return n.What
	}
	return n.What + " at " + n.At.UTC().Format(time.RFC3339)
}

// Watch asks until ctx ends or stop is called. noticed derives from ctx and
// ends with a *Notice as its cause when AWS gives notice. stop ends it too, and
// returns when no request is under way any more.
func Watch(ctx context.Context, opt Options) (noticed context.Context, stop func()) {
	noticed, cancel := context.WithCancelCause(ctx)
	if opt.Interval == 0 {
		opt.Interval = DefaultInterval
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	client := &http.Client{Transport: opt.Transport, Timeout: timeout}
	if opt.Transport == nil {
		// Without Proxy, as link-local addresses are not for one, and without
		// connections that would outlive the watch.
		client.Transport = &http.Transport{DisableKeepAlives: true}
	}
	var sources []*source
	if opt.Instance != "" {
		i := &instance{base: opt.Instance, client: client}
		sources = append(sources, &source{name: "EC2 instance metadata", ask: i.ask})
	}
	if opt.Task != "" {
		t := &task{base: opt.Task, client: client}
		sources = append(sources, &source{name: "ECS task metadata", ask: t.ask})
	}
	var wg sync.WaitGroup
	for _, s := range sources {
		wg.Go(func() { s.watch(noticed, opt, cancel) })
	}
	return noticed, func() {
		cancel(context.Canceled)
		wg.Wait()
	}
}

// source is a service to ask again and again, from one goroutine.
type source struct {
	name string
	// ask gives a notice, or nil if there is none.
	ask func(context.Context) (*Notice, error)
}

// watch asks until ctx ends, and ends it with the first notice.
func (s *source) watch(ctx context.Context, opt Options, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(opt.Interval)
	defer ticker.Stop()
	for failed, answered := 0, false; ; {
		notice, err := s.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case notice != nil:
			cancel(notice)
			return
		case err == nil:
			answered = true
		case !answered:
			if failed++; failed == tries {
				opt.Log.Debug("no notice of interruptions: the service does not answer", "service", s.name, "error", err)
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
