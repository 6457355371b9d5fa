package submit

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"s3bundler/internal/object"
)

// cluster is an ECS that does as its functions say.
type cluster struct {
	run      func(n int, t Task) (string, error) // n counts the calls from 1
	describe func(arns []string) ([]Status, error)
	latency  time.Duration

	mu       sync.Mutex
	calls    int
	inFlight int
	most     int // in flight at once
}

func (c *cluster) RunTask(ctx context.Context, t Task) (string, error) {
	c.mu.Lock()
	c.calls++
	n := c.calls
	c.inFlight++
	c.most = max(c.most, c.inFlight)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.inFlight--
		c.mu.Unlock()
	}()
	select {
	case <-time.After(c.latency):
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	return c.run(n, t)
}

func (c *cluster) DescribeTasks(_ context.Context, _ string, arns []string) ([]Status, error) {
	return c.describe(arns)
}

func reports(n int) []object.Location {
	all := make([]object.Location, n)
	for i := range all {
		all[i] = object.Location{Bucket: "b", Key: fmt.Sprintf("%03d/manifest.json", i)}
	}
	return all
}

// arnOf names a fake's task by the report it is for.
func arnOf(t Task) string { return "arn:" + t.Command[len(t.Command)-1] }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))
