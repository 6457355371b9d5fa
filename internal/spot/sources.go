package spot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	maxAnswer = 1 << 20
	// tokenLife is how long a token is asked for, renewAfter when it is
	// replaced.
	tokenLife  = 6 * time.Hour
	renewAfter = tokenLife / 2
)

// instance asks the EC2 instance metadata service. See "Use the Instance
// Metadata Service" and "Spot Instance interruption notices" in the EC2 User
// Guide.
type instance struct {
	base   string
	client *http.Client

	token string
	since time.Time
}

// errToken says that the service takes the token no more.
var errToken = errors.New("instance-action: the token is refused")

func (i *instance) ask(ctx context.Context) (*Notice, error) {
	notice, err := i.action(ctx)
	if errors.Is(err, errToken) {
		i.token = ""
		notice, err = i.action(ctx)
	}
	return notice, err
}

func (i *instance) action(ctx context.Context) (*Notice, error) {
	if i.token == "" || time.Since(i.since) > renewAfter {
		if err := i.renew(ctx); err != nil {
			return nil, err
		}
	}
	status, body, err := do(ctx, i.client, http.MethodGet, i.base+"/latest/meta-data/spot/instance-action",
		"X-aws-ec2-metadata-token", i.token)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusOK:
		return parseAction(body), nil
	case status == http.StatusNotFound: // nothing is to happen
		return nil, nil
	case status == http.StatusUnauthorized:
		return nil, errToken
	}
	return nil, fmt.Errorf("instance-action: %s", http.StatusText(status))
}

func (i *instance) renew(ctx context.Context) error {
	status, body, err := do(ctx, i.client, http.MethodPut, i.base+"/latest/api/token",
		"X-aws-ec2-metadata-token-ttl-seconds", fmt.Sprint(int(tokenLife.Seconds())))
	if err != nil {
		return err
	}
	token := string(bytes.TrimSpace(body))
	if status != http.StatusOK || token == "" || strings.ContainsAny(token, "\r\n") {
		return fmt.Errorf("token: %s", http.StatusText(status))
	}
	i.token, i.since = token, time.Now()
	return nil
}

// parseAction reads {"action": "terminate", "time": "2017-09-18T08:22:00Z"}.
// That there is an action at all is the notice, even if it cannot be read.
func parseAction(body []byte) *Notice {
	var a struct {
		Action string    `json:"action"`
		Time   time.Time `json:"time"`
	}
	n := &Notice{What: "the Spot instance will be taken away"}
	if json.Unmarshal(body, &a) != nil {
		return n
	}
	switch a.Action {
	case "terminate":
		n.What = "the Spot instance will be terminated"
	case "stop":
		n.What = "the Spot instance will be stopped"
	case "hibernate":
		n.What = "the Spot instance will be hibernated"
	}
	n.At = a.Time
	return n
}

// task asks the ECS task metadata endpoint. See "Amazon ECS task metadata
// endpoint version 4" in the ECS Developer Guide.
type task struct {
	base   string
	client *http.Client
}

func (t *task) ask(ctx context.Context) (*Notice, error) {
	status, body, err := do(ctx, t.client, http.MethodGet, t.base+"/task", "", "")
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("task: %s", http.StatusText(status))
	}
	return parseTask(body)
}

// parseTask gives a notice if ECS wants the task to stop.
func parseTask(body []byte) (*Notice, error) {
	var t struct{ DesiredStatus string }
	if err := json.Unmarshal(body, &t); err != nil {
		return nil, err
	}
	switch t.DesiredStatus {
	case "STOPPED", "DEPROVISIONING", "STOPPING", "DEACTIVATING":
		return &Notice{What: "ECS stops the task"}, nil
	}
	return nil, nil
}

// do makes one request, with a header if name is not empty.
func do(ctx context.Context, c *http.Client, method, url, name, value string) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return 0, nil, err
	}
	if name != "" {
		r.Header.Set(name, value)
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // all that matters has been read
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, body, err
}
