package health

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"s3bundler/internal/fault"
)

// askTimeout is below the 5 seconds that container health checks get.
const askTimeout = 4 * time.Second

// Ask asks the server at addr, as Serve takes it, how its process is. The error
// tells what is wrong with it, or that nobody answers.
func Ask(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	network, name := split(addr)
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, name)
		},
	}}
	failed := func(err error) error {
		return &fault.Error{Op: "check the health of the worker at", Where: addr, Err: err}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://worker"+Path, nil)
	if err != nil {
		return failed(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		return failed(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	ills := []string{resp.Status}
	for lines := bufio.NewScanner(resp.Body); lines.Scan() && len(ills) < 10; {
		ills = append(ills, lines.Text())
	}
	return failed(errors.New(strings.Join(ills, ", ")))
}
