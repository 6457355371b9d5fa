// Package submit starts one ECS task for each inventory report and follows
// the tasks to their end.
package submit

import (
	"context"
	"errors"
	"strings"

	"s3bundler/internal/object"
)

// Tasks is the part of ECS that this package needs. Its methods may be called
// from many goroutines. Errors are *fault.Error or wrap one; one that says
// Throttled is worth another attempt later.
type Tasks interface {
	// RunTask starts one task and returns its ARN. An error that wraps
	// ErrCapacity says that the cluster has no room for it now.
	RunTask(ctx context.Context, t Task) (arn string, err error)
	// DescribeTasks tells how tasks of one cluster are, at most MaxDescribe of
	// them at once, in any order. A task that ECS does not know is left out.
	DescribeTasks(ctx context.Context, cluster string, arns []string) ([]Status, error)
}

// MaxDescribe is how many tasks one DescribeTasks takes, see DescribeTasks in
// the ECS API reference.
const MaxDescribe = 100

// ErrCapacity is wrapped by the error of a RunTask that may succeed when other
// tasks have ended or instances have joined the cluster.
var ErrCapacity = errors.New("the cluster has no room for the task")

// Task is what RunTask starts.
type Task struct {
	Cluster string
	// Definition is a task definition's ARN, family:revision or family.
	Definition string
	// Container is the name of the container that gets Command.
	Container string
	Command   []string
}

// Status is how one task is.
type Status struct {
	ARN string
	// Last is ECS's word: PROVISIONING, PENDING, RUNNING, STOPPED, …
	Last string
	// Exits holds the exit code of every container that has ended, by name.
	Exits map[string]int
	// Reason is why the task or its container has ended; may be empty.
	Reason string
}

// Stopped reports whether the task has come to its end.
func (s Status) Stopped() bool { return s.Last == "STOPPED" }

// Plan is how the tasks of one run are made.
type Plan struct {
	Cluster    string
	Definition string
	// Arguments are those of s3grouper; "-m URI" follows them.
	Arguments []string
}

// Task returns the task for one report. Its container is the one that is
// named like the task definition's family.
func (p Plan) Task(report object.Location) Task {
	command := make([]string, 0, len(p.Arguments)+2)
	return Task{
		Cluster:    p.Cluster,
		Definition: p.Definition,
		Container:  Family(p.Definition),
		Command:    append(append(command, p.Arguments...), "-m", report.String()),
	}
}

// Family returns the family of a task definition that is named by its ARN
// (arn:…:task-definition/FAMILY:REVISION), FAMILY:REVISION or FAMILY.
func Family(definition string) string {
	name := definition[strings.LastIndexByte(definition, '/')+1:]
	family, _, _ := strings.Cut(name, ":")
	return family
}
