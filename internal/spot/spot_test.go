package spot

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// metadata serves both services, from memory where it is a RoundTripper.
type metadata struct {
	mu       sync.Mutex
	action   string // body of instance-action; none means 404
	status   string // DesiredStatus
	down     bool   // answers 500
	requests int
	tokens   int
	granted  time.Time
	life     time.Duration // of a token, whatever was asked for
}

func (m *metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests++
	switch request := r.Method + " " + r.URL.Path; {
	case m.down:
		w.WriteHeader(http.StatusInternalServerError)
	case request == "PUT /latest/api/token" && r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") == "21600":
		m.tokens++
		m.granted = time.Now()
		_, _ = w.Write([]byte("secret"))
	case request == "GET /latest/meta-data/spot/instance-action":
		switch {
		case r.Header.Get("X-aws-ec2-metadata-token") != "secret" || time.Since(m.granted) > m.life:
			w.WriteHeader(http.StatusUnauthorized)
		case m.action == "":
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write([]byte(m.action))
		}
	case request == "GET /v4/id/task":
		_, _ = w.Write([]byte(`{"TaskARN":"arn","DesiredStatus":"` + m.status + `","KnownStatus":"RUNNING"}`))
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}

func (m *metadata) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	return w.Result(), nil
}

func (m *metadata) locked(do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	do()
}

const terminate = `{"action": "terminate", "time": "2017-09-18T08:22:00Z"}`

func both(m http.RoundTripper) Options {
	return Options{Instance: "http://instance", Task: "http://task/v4/id", Transport: m}
}

func TestWatch(t *testing.T) {
	tests := []struct {
		name   string
		life   time.Duration
		tokens int // in seven hours
		happen func(*metadata)
		want   string
	}{
		{"Spot", 6 * time.Hour, 3, func(m *metadata) { m.action = terminate }, "the Spot instance will be terminated at 2017-09-18T08:22:00Z"},
		{"Spot, unreadable, tokens refused early", time.Hour, 7, func(m *metadata) { m.action = "?" }, "the Spot instance will be taken away"},
		{"ECS", 6 * time.Hour, 3, func(m *metadata) { m.status = "STOPPED" }, "ECS stops the task"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &metadata{status: "RUNNING", life: tt.life}
				noticed, stop := Watch(t.Context(), both(m))
				defer stop()
				time.Sleep(7 * time.Hour)
				if noticed.Err() != nil {
					t.Fatalf("notice of nothing: %v", context.Cause(noticed))
				}
				m.locked(func() {
					if m.tokens != tt.tokens {
						t.Errorf("%d tokens in seven hours, want %d", m.tokens, tt.tokens)
					}
					m.down = true // a service that has answered once is asked on
				})
				time.Sleep(time.Hour)
				m.locked(func() { m.down = false; tt.happen(m) })
				at := time.Now()
				<-noticed.Done()
				var notice *Notice
				if cause := context.Cause(noticed); !errors.As(cause, &notice) || cause.Error() != tt.want {
					t.Errorf("cause %v, want %s", cause, tt.want)
				}
				if late := time.Since(at); late > DefaultInterval {
					t.Errorf("noticed %v after it happened", late)
				}
			})
		})
	}
}

func TestWatchGivesUpWhereNothingAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &metadata{down: true}
		noticed, stop := Watch(t.Context(), both(m))
		defer stop()
		time.Sleep(time.Hour)
		if noticed.Err() != nil {
			t.Errorf("notice of nothing: %v", context.Cause(noticed))
		}
		m.locked(func() {
			if m.requests != 2*tries {
				t.Errorf("%d requests, want %d to each service", m.requests, tries)
			}
		})
	})
}

// hanging never answers.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

func TestWatchStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noticed, stop := Watch(t.Context(), both(hanging{}))
		start := time.Now()
		time.Sleep(time.Second)
		stop()
		if noticed.Err() == nil || time.Since(start) != time.Second {
			t.Errorf("stop took until %v: %v", time.Since(start), noticed.Err())
		}
	})
}

func TestWatchNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noticed, stop := Watch(t.Context(), Options{Transport: hanging{}})
		time.Sleep(time.Hour)
		if noticed.Err() != nil {
			t.Errorf("notice of nothing: %v", context.Cause(noticed))
		}
		stop()
	})
}

// TestWatchOverHTTP goes through a network, with the transport of its own.
func TestWatchOverHTTP(t *testing.T) {
	server := httptest.NewServer(&metadata{action: terminate, status: "RUNNING", life: time.Hour})
	defer server.Close()
	noticed, stop := Watch(t.Context(), Options{Instance: server.URL, Task: server.URL + "/v4/id", Interval: time.Millisecond})
	defer stop()
	<-noticed.Done()
	var notice *Notice
	if !errors.As(context.Cause(noticed), &notice) {
		t.Errorf("cause %v, want a Notice", context.Cause(noticed))
	}
}

func TestDetect(t *testing.T) {
	const task = "http://169.254.170.2/v4/id"
	tests := []struct {
		name   string
		env    map[string]string
		vendor string
		want   Options
	}{
		{"a laptop", nil, "LENOVO\n", Options{}},
		{"EC2", nil, "Amazon EC2\n", Options{Instance: instanceMetadata}},
		{"EC2, switched off", map[string]string{"AWS_EC2_METADATA_DISABLED": "True"}, "Amazon EC2\n", Options{}},
		{"ECS on EC2", map[string]string{"AWS_EXECUTION_ENV": "AWS_ECS_EC2", "ECS_CONTAINER_METADATA_URI_V4": task}, "", Options{Instance: instanceMetadata, Task: task}},
		{"Fargate", map[string]string{"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE", "ECS_CONTAINER_METADATA_URI_V4": task}, "Amazon EC2\n", Options{Task: task}},
		{"an endpoint by name", map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://[fd00:ec2::254]"}, "", Options{Instance: "http://[fd00:ec2::254]"}},
	}
	for _, tt := range tests {
		read := func(string) ([]byte, error) {
			if tt.vendor == "" {
				return nil, fs.ErrNotExist
			}
			return []byte(tt.vendor), nil
		}
		if got := detect(func(name string) string { return tt.env[name] }, read); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(terminate))
	f.Add([]byte(`{"DesiredStatus":"STOPPED"}`))
	f.Add([]byte(`{"action":"hibernate","time":"0000-00-00T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if n := parseAction(body); n == nil || n.Error() == "" {
			t.Error("an action that is no notice")
		}
		if n, err := parseTask(body); n != nil && err != nil {
			t.Error("a notice and an error")
		}
	})
}
