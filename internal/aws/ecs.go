package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"s3bundler/internal/fault"
	"s3bundler/internal/submit"
)

// ECS starts tasks and tells how they are. It implements submit.Tasks.
type ECS struct{ client *ecs.Client }

var _ submit.Tasks = (*ECS)(nil)

// startedBy marks the tasks, for 'aws ecs list-tasks --started-by'.
const startedBy = "submitmanifest"

// NewECS returns a client of the region that c names.
func NewECS(c Config) *ECS {
	raw := c.sdk()
	return &ECS{ecs.NewFromConfig(raw, func(o *ecs.Options) { o.Retryer = newRetryer(raw.RetryMaxAttempts) })}
}

// RunTask starts one task. The SDK gives every call an idempotency token, so
// that its retries start no second one.
func (e *ECS) RunTask(ctx context.Context, t submit.Task) (string, error) {
	c := call{service: "ecs", op: "RunTask", where: t.Definition + " in cluster " + t.Cluster, kind: fault.API}
	out, err := e.client.RunTask(ctx, &ecs.RunTaskInput{
		Cluster:        awssdk.String(t.Cluster),
		TaskDefinition: awssdk.String(t.Definition),
		Count:          awssdk.Int32(1),
		StartedBy:      awssdk.String(startedBy),
		Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{
			Name:    awssdk.String(t.Container),
			Command: t.Command,
		}}},
	})
	if err != nil {
		return "", runTaskError(c, fail(ctx, c, err))
	}
	if len(out.Failures) > 0 {
		return "", failures(c, out.Failures)
	}
	if len(out.Tasks) == 0 || awssdk.ToString(out.Tasks[0].TaskArn) == "" {
		return "", fault.New(c.kind, c.op, c.where, errors.New("ECS answered with neither task nor failure"), "")
	}
	return awssdk.ToString(out.Tasks[0].TaskArn), nil
}

// DescribeTasks tells how tasks are.
func (e *ECS) DescribeTasks(ctx context.Context, cluster string, arns []string) ([]submit.Status, error) {
	c := call{service: "ecs", op: "DescribeTasks", where: "in cluster " + cluster, kind: fault.API}
	out, err := e.client.DescribeTasks(ctx, &ecs.DescribeTasksInput{
		Cluster: awssdk.String(cluster),
		Tasks:   arns,
	})
	if err != nil {
		return nil, fail(ctx, c, err)
	}
	// A task among out.Failures is MISSING: left out, as submit.Tasks says.
	all := make([]submit.Status, 0, len(out.Tasks))
	for _, t := range out.Tasks {
		all = append(all, status(t))
	}
	return all, nil
}

func status(t types.Task) submit.Status {
	s := submit.Status{
		ARN:    awssdk.ToString(t.TaskArn),
		Last:   awssdk.ToString(t.LastStatus),
		Reason: awssdk.ToString(t.StoppedReason),
	}
	for _, c := range t.Containers {
		if c.ExitCode != nil {
			if s.Exits == nil {
				s.Exits = make(map[string]int, len(t.Containers))
			}
			s.Exits[awssdk.ToString(c.Name)] = int(*c.ExitCode)
		}
		// "OutOfMemoryError: …" and "CannotPullContainerError: …" stand with
		// the container.
		if r := awssdk.ToString(c.Reason); r != "" {
			s.Reason = strings.TrimPrefix(s.Reason+"; "+r, "; ")
		}
	}
	return s
}

// runTaskError gives the refusals of RunTask that people meet most a hint, and
// those that pass the sentinel of package submit.
func runTaskError(c call, err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	a, _ := answerOf(err)
	message := strings.ToLower(a.message)
	switch {
	case a.code == "ClusterNotFoundException":
		f.Hint = "check --cluster, --region and the account"
	case strings.Contains(message, "no container instances"):
		// What an EC2 cluster answers while its fleet is at zero.
		return capacity(c, f.RequestID, a.message)
	case strings.Contains(message, "capacity is unavailable"):
		return capacity(c, f.RequestID, a.message)
	case a.code == "ClientException", a.code == "InvalidParameterException":
		f.Hint = "check --task, which must name an active task definition with a container of its family's name"
	}
	return err
}

// failures makes an error of what RunTask could not place. See "API failure
// reasons" in the ECS developer guide.
func failures(c call, fs []types.Failure) error {
	var all []string
	passing := true
	for _, f := range fs {
		reason, detail := awssdk.ToString(f.Reason), awssdk.ToString(f.Detail)
		passing = passing && (strings.HasPrefix(reason, "RESOURCE") || reason == "AGENT")
		if detail != "" {
			reason += " (" + detail + ")"
		}
		// RunTask names the same reason once for each container instance.
		if n := len(all); n == 0 || all[n-1] != reason {
			all = append(all, reason)
		}
	}
	if passing {
		return capacity(c, "", strings.Join(all, ", "))
	}
	return fault.New(c.kind, c.op, c.where, errors.New(strings.Join(all, ", ")), hintFailure(all[0]))
}

func hintFailure(reason string) string {
	switch {
	case strings.HasPrefix(reason, "ATTRIBUTE"), strings.HasPrefix(reason, "LOCATION"), strings.HasPrefix(reason, "MemberOf"):
		return "no instance of the cluster fits the task definition's placement constraints"
	case strings.HasPrefix(reason, "MISSING"):
		return "check --task and --cluster"
	default:
		return "see API failure reasons in the ECS developer guide"
	}
}

func capacity(c call, requestID, reason string) error {
	e := fault.New(c.kind, c.op, c.where, fmt.Errorf("%w: %s", submit.ErrCapacity, reason),
		"start more instances, or wait longer with --patience")
	e.RequestID = requestID
	return e
}
