package aws

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"s3bundler/internal/fault"
	"s3bundler/internal/submit"
)

// ecsAnswer is what a fake ECS says to one request.
type ecsAnswer struct {
	status int
	body   string
}

// fakeECS serves answers, one a request and the last for ever, and keeps the
// requests it got: their operation and their body.
func fakeECS(t *testing.T, answers ...ecsAnswer) (*ECS, *[]map[string]any) {
	t.Helper()
	var requests []map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request := map[string]any{}
		if err := json.Unmarshal(body, &request); err != nil {
			t.Errorf("request %q: %v", body, err)
		}
		_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		request["op"] = op
		requests = append(requests, request)
		a := answers[min(len(requests), len(answers))-1]
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Requestid", "req-1")
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	t.Cleanup(server.Close)
	isolate(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "testtest")
	t.Setenv("AWS_MAX_ATTEMPTS", "2")
	c, err := Load(t.Context(), Settings{Region: "us-east-1", EndpointURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return NewECS(c), &requests
}

func ecsRefusal(code, message string) ecsAnswer {
	body, _ := json.Marshal(map[string]string{"__type": code, "message": message})
	return ecsAnswer{http.StatusBadRequest, string(body)}
}

var aTask = submit.Task{
	Cluster: "c", Definition: "s3grouper:3", Container: "s3grouper",
	Command: []string{"-b", "archive", "-m", "s3://b/k"},
}

func TestRunTask(t *testing.T) {
	e, requests := fakeECS(t, ecsAnswer{http.StatusOK, `{"tasks":[{"taskArn":"arn:task/1","lastStatus":"PENDING"}],"failures":[]}`})
	arn, err := e.RunTask(t.Context(), aTask)
	if err != nil || arn != "arn:task/1" {
		t.Errorf("got %q, %v", arn, err)
	}
	request := (*requests)[0]
	if token, ok := request["clientToken"].(string); !ok || token == "" {
		t.Errorf("the call has no idempotency token: %v", request)
	}
	delete(request, "clientToken")
	want := map[string]any{
		"op": "RunTask", "cluster": "c", "taskDefinition": "s3grouper:3", "count": 1.0, "startedBy": "submitmanifest",
		"overrides": map[string]any{"containerOverrides": []any{map[string]any{
			"name": "s3grouper", "command": []any{"-b", "archive", "-m", "s3://b/k"},
		}}},
	}
	if diff := cmp.Diff(want, request); diff != "" {
		t.Error(diff)
	}
}

func TestRunTaskFailures(t *testing.T) {
	throttle := ecsRefusal("ThrottlingException", "Rate exceeded")
	tests := []struct {
		name      string
		answers   []ecsAnswer
		capacity  bool
		throttled bool
		says      []string
		calls     int
	}{
		{"no memory", []ecsAnswer{{200, `{"tasks":[],"failures":[{"arn":"arn:i/1","reason":"RESOURCE:MEMORY"},{"arn":"arn:i/2","reason":"RESOURCE:MEMORY"}]}`}},
			true, false, []string{"RunTask s3grouper:3 in cluster c: the cluster has no room for the task: RESOURCE:MEMORY; "}, 1},
		{"no room for two reasons", []ecsAnswer{{200, `{"failures":[{"reason":"RESOURCE:CPU","detail":"1024 wanted"},{"reason":"AGENT"}]}`}},
			true, false, []string{"RESOURCE:CPU (1024 wanted), AGENT"}, 1},
		{"no fit", []ecsAnswer{{200, `{"failures":[{"reason":"RESOURCE:CPU"},{"reason":"ATTRIBUTE"}]}`}},
			false, false, []string{"RESOURCE:CPU, ATTRIBUTE"}, 1},
		{"attribute", []ecsAnswer{{200, `{"failures":[{"reason":"ATTRIBUTE"}]}`}},
			false, false, []string{"ATTRIBUTE", "placement constraints"}, 1},
		{"an empty answer", []ecsAnswer{{200, `{}`}}, false, false, []string{"neither task nor failure"}, 1},
		{"no ECS at all", []ecsAnswer{{200, `{"tasks":[{"taskArn":1}]}`}},
			false, false, []string{"expected string, got 1"}, 1},
		{"a fleet at zero", []ecsAnswer{ecsRefusal("InvalidParameterException", "No Container Instances were found in your cluster.")},
			true, false, []string{"No Container Instances", "(request req-1)"}, 1},
		{"Fargate full", []ecsAnswer{ecsRefusal("ClientException", "Capacity is unavailable at this time. Please try again later or in a different availability zone")},
			true, false, []string{"Capacity is unavailable"}, 1},
		{"no cluster", []ecsAnswer{ecsRefusal("ClusterNotFoundException", "Cluster not found.")},
			false, false, []string{"ClusterNotFoundException: Cluster not found. (request req-1); check --cluster"}, 1},
		{"no definition", []ecsAnswer{ecsRefusal("ClientException", "TaskDefinition not found.")},
			false, false, []string{"TaskDefinition not found.", "check --task"}, 1},
		{"denied", []ecsAnswer{ecsRefusal("AccessDeniedException", "User is not authorized to perform: ecs:RunTask")},
			false, false, []string{"ecs:RunTask", "IAM"}, 1},
		{"throttled for long", []ecsAnswer{throttle}, false, true, []string{"ThrottlingException: Rate exceeded"}, 2},
		{"throttled once", []ecsAnswer{throttle, {200, `{"tasks":[{"taskArn":"arn:task/1"}]}`}}, false, false, nil, 2},
		{"a failing ECS", []ecsAnswer{{500, `{"__type":"ServerException","message":"oops"}`}, {200, `{"tasks":[{"taskArn":"arn:task/1"}]}`}}, false, false, nil, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, requests := fakeECS(t, tt.answers...)
			_, err := e.RunTask(t.Context(), aTask)
			if len(*requests) != tt.calls {
				t.Errorf("%d requests, want %d", len(*requests), tt.calls)
			}
			if tt.calls == 2 && (*requests)[0]["clientToken"] != (*requests)[1]["clientToken"] {
				t.Error("a retry has another idempotency token")
			}
			if len(tt.says) == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if fault.KindOf(err) != fault.API || errors.Is(err, submit.ErrCapacity) != tt.capacity || fault.Throttled(err) != tt.throttled {
				t.Errorf("kind %d, capacity %t, throttled %t: %v", fault.KindOf(err), errors.Is(err, submit.ErrCapacity), fault.Throttled(err), err)
			}
			for _, s := range tt.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error lacks %q: %v", s, err)
				}
			}
		})
	}
}

func TestRunTaskCancelled(t *testing.T) {
	e, _ := fakeECS(t, ecsAnswer{200, `{}`})
	cause := errors.New("told to stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := e.RunTask(ctx, aTask); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestDescribeTasks(t *testing.T) {
	e, requests := fakeECS(t, ecsAnswer{200, `{"tasks":[
		{"taskArn":"a","lastStatus":"STOPPED","stoppedReason":"Essential container in task exited",
		 "containers":[{"name":"s3grouper","exitCode":3},{"name":"agent","reason":"CannotPullContainerError: x"}]},
		{"taskArn":"b","lastStatus":"RUNNING","containers":[{"name":"s3grouper"}]}],
		"failures":[{"arn":"c","reason":"MISSING"}]}`})
	got, err := e.DescribeTasks(t.Context(), "c", []string{"a", "b", "c"})
	want := []submit.Status{
		{ARN: "a", Last: "STOPPED", Exits: map[string]int{"s3grouper": 3}, Reason: "Essential container in task exited; CannotPullContainerError: x"},
		{ARN: "b", Last: "RUNNING"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if tasks, _ := (*requests)[0]["tasks"].([]any); !slices.Equal(tasks, []any{"a", "b", "c"}) || (*requests)[0]["cluster"] != "c" {
		t.Errorf("asked %v", (*requests)[0])
	}
	e, _ = fakeECS(t, ecsRefusal("ClusterNotFoundException", "Cluster not found."))
	if _, err := e.DescribeTasks(t.Context(), "c", []string{"a"}); fault.KindOf(err) != fault.API || !strings.Contains(err.Error(), "DescribeTasks in cluster c: ClusterNotFoundException") {
		t.Errorf("got %v", err)
	}
}

// TestECSUnreachable has the error of a wrong endpoint be one short line.
func TestECSUnreachable(t *testing.T) {
	isolate(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "testtest")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := Load(ctx, Settings{Region: "us-east-1", EndpointURL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = NewECS(c).RunTask(ctx, aTask)
	if fault.KindOf(err) != fault.API || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}
