package stack

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"s3bundler/internal/fault"
	"s3bundler/internal/metrics"
)

// TestDashboard holds that the dashboard is JSON, and shows only what the
// program and AWS send.
func TestDashboard(t *testing.T) {
	sent := emitted(t)
	sent[errorMetric] = true // the metric filter's
	for _, parameters := range []map[string]string{nil, {"S3BundlerQueueARN": givenQueue}} {
		body, _ := resolve(t, ECS(), parameters).at("Dashboard.DashboardBody").(string)
		if strings.Contains(body, "${") {
			t.Errorf("something stays open: %s", body)
		}
		var board struct{ Widgets []widget }
		if err := json.Unmarshal([]byte(body), &board); err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		taken := map[[2]int]bool{}
		for _, w := range board.Widgets {
			if at := [2]int{w.X, w.Y}; taken[at] || w.X+w.Width > 24 {
				t.Errorf("%v lies over another or outside", w.Properties["title"])
			} else {
				taken[at] = true
			}
			metrics, _ := w.Properties["metrics"].([]any)
			for _, m := range metrics {
				m := m.([]any)
				if m[0] == metricNamespace && !sent[m[1].(string)] {
					t.Errorf("nothing sends %v", m[1])
				}
			}
		}
		for _, question := range []string{"How far", "How fast", "What failed", "What throttles", "What it costs"} {
			if !strings.Contains(body, question) {
				t.Errorf("no answer to %q", question)
			}
		}
	}
}

// emitted are the names of the metrics that a worker's lines hold.
func emitted(t *testing.T) map[string]bool {
	t.Helper()
	var out bytes.Buffer
	m := metrics.New(&out)
	m.GetLimit(1)
	err := m.Emit(metrics.Manifest{Bytes: 1, Duration: time.Second, DeadLetters: map[fault.Reason]int64{fault.Glacier: 1}})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for line := range bytes.Lines(out.Bytes()) {
		var document struct {
			AWS struct {
				CloudWatchMetrics []struct {
					Namespace string
					Metrics   []struct{ Name string }
				}
			} `json:"_aws"`
		}
		if err := json.Unmarshal(line, &document); err != nil {
			t.Fatal(err)
		}
		for _, c := range document.AWS.CloudWatchMetrics {
			for _, m := range c.Metrics {
				if c.Namespace == metricNamespace {
					names[m.Name] = true
				}
			}
		}
	}
	return names
}

func TestMetricFilter(t *testing.T) {
	r := resolve(t, ECS(), nil)
	for _, name := range []string{"S3BundlerErrors", "S3GrouperErrors"} {
		if got := r.at(name + ".FilterPattern"); got != `"ERROR:" -glaciered -deleted` {
			t.Errorf("%s filters %v", name, got)
		}
		for path, want := range map[string]string{"MetricNamespace": "S3Bundler", "MetricName": "Errors"} {
			if got := r.at(name + ".MetricTransformations.0." + path); got != want {
				t.Errorf("%s.%s is %v", name, path, got)
			}
		}
	}
}

// TestScaling carries the alarms' expressions out for the cases that matter.
func TestScaling(t *testing.T) {
	r := resolve(t, ECS(), nil)
	if got := r.at("BacklogAlarm.Metrics.2.Expression"); got != "IF(FILL(running, 0) > 0, visible / FILL(running, 1), visible * 1001)" {
		t.Fatalf("another expression: %v", got)
	}
	backlog := func(visible, running float64) float64 {
		if running > 0 {
			return visible / running
		}
		return visible * 1001
	}
	most := *ECS().parameters["BacklogPerTask"].MaxValue
	for _, c := range []struct {
		visible, running float64
		out              bool
	}{
		{0, 0, false}, {1, 0, true}, {0, 5, false}, {float64(most) * 5, 5, false}, {float64(most)*5 + 1, 5, true},
	} {
		if got := backlog(c.visible, c.running) > float64(most); got != c.out {
			t.Errorf("%v waiting, %v running: scales out %v", c.visible, c.running, got)
		}
	}
	if got := r.at("IdleAlarm.TreatMissingData"); got != "breaching" {
		t.Errorf("a queue that sends no metrics keeps its workers: %v", got)
	}
	if got := r.at("ScaleIn.StepScalingPolicyConfiguration.StepAdjustments.0.ScalingAdjustment"); got != json.Number("0") {
		t.Errorf("idle goes to %v", got)
	}
}

// TestIndexTable holds the columns to formats: thirteen, in an index's order.
func TestIndexTable(t *testing.T) {
	var names []string
	for _, c := range indexColumns() {
		names = append(names, c.Name)
	}
	want := "bucket key size last_modified checksum metadata tags offset block block_length crc64nvme version_id headers"
	if strings.Join(names, " ") != want {
		t.Errorf("columns are %v", names)
	}
}

// TestTaskRole holds the task role to the operations that the programs make:
// each has its actions in the role, and no action is there for nothing.
func TestTaskRole(t *testing.T) {
	allowed := TaskRoleActions()
	needed := map[string]bool{}
	for _, op := range Operations() {
		actions, ok := ActionsFor(op)
		if !ok || len(actions) == 0 {
			t.Errorf("%s needs no action", op)
		}
		for _, a := range actions {
			needed[a] = true
			if !slices.Contains(allowed, a) {
				t.Errorf("%s needs %s, and the role has it not", op, a)
			}
		}
	}
	for _, a := range allowed {
		_, excused := unusedActions()[a]
		if needed[a] == excused {
			t.Errorf("%s: needed %v, excused %v", a, needed[a], excused)
		}
	}
	if _, ok := ActionsFor("DeleteObject"); ok {
		t.Error("workers may delete objects")
	}

	// What the table says is what the template has.
	inTemplate := map[string]bool{}
	statements, _ := resolve(t, ECS(), nil).at("TaskRole.Policies.0.PolicyDocument.Statement").([]any)
	for _, s := range statements {
		for _, a := range s.(map[string]any)["Action"].([]any) {
			inTemplate[a.(string)] = true
		}
	}
	if got := slices.Sorted(maps.Keys(inTemplate)); !slices.Equal(got, allowed) {
		t.Errorf("the template allows %v, TaskRoleActions %v", got, allowed)
	}
}

// TestGrace holds the times to each other: a worker is gone before ECS kills
// it, and ECS is done before Spot takes the machine.
func TestGrace(t *testing.T) {
	grace, err := time.ParseDuration(gracePeriod)
	if err != nil {
		t.Fatal(err)
	}
	stop := stopTimeoutSeconds * time.Second
	const afterGrace, agentPoll, notice = 5 * time.Second, 5 * time.Second, 2 * time.Minute
	if grace+afterGrace > stop || stop+agentPoll > notice {
		t.Errorf("grace %s, stop %s, notice %s", grace, stop, notice)
	}
}
