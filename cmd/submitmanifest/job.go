package main

import (
	"context"
	"fmt"
	"strconv"

	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/submit"
)

// job is one run: it submits tasks and, if asked, follows them.
type job struct {
	*options
	tasks   submit.Tasks
	console *cli.Console
	lines   lines
}

func (j *job) run(ctx context.Context, reports []object.Location) error {
	failed, started, err := j.submit(ctx, reports)
	if err != nil {
		return err
	}
	if j.wait {
		n, err := j.follow(ctx, started)
		if err != nil {
			return fmt.Errorf("the tasks run on, but cannot be followed: %w", err)
		}
		failed += n
	}
	if failed == 0 {
		return nil
	}
	hint := ""
	if !j.failedOnly {
		hint = "--failed-only prints the URIs alone, to submit them again"
	}
	return fault.New(fault.API, "", "", fmt.Errorf("%d of %d tasks failed", failed, len(reports)), hint)
}

// submit starts a task for each report, and tells how many could not be
// started.
func (j *job) submit(ctx context.Context, reports []object.Location) (failed int, started []submit.Started, err error) {
	t := newTally("tasks submitted", len(reports))
	stop := j.console.Progress(t.snapshot)
	defer stop()
	for s := range submit.Start(ctx, j.tasks, j.plan, reports, j.start, j.console.Log) {
		t.add(s.Err != nil)
		switch {
		case s.Err != nil:
			if ctx.Err() == nil {
				j.console.Log.Error("submit "+s.Report.String(), "err", s.Err)
			}
			failed++
			err = j.lines.failed(s.Report)
		case j.wait:
			j.console.Notice("submitted " + s.Report.String() + " as " + s.ARN)
			started = append(started, s)
		default:
			err = j.lines.task(s.Report, s.ARN)
		}
		if err != nil {
			return failed, started, err
		}
	}
	if ctx.Err() != nil {
		j.console.Notice(fmt.Sprintf("%d of %d tasks were not submitted", failed, len(reports)))
	}
	return failed, started, context.Cause(ctx)
}

// follow waits for the end of all tasks, and tells how many have failed.
func (j *job) follow(ctx context.Context, started []submit.Started) (failed int, err error) {
	reports := make(map[string]object.Location, len(started))
	arns := make([]string, len(started))
	for i, s := range started {
		arns[i], reports[s.ARN] = s.ARN, s.Report
	}
	t := newTally("tasks ended", len(started))
	stop := j.console.Progress(t.snapshot)
	defer stop()
	for change, err := range submit.Follow(ctx, j.tasks, j.plan.Cluster, arns) {
		if err != nil {
			if ctx.Err() != nil {
				j.console.Notice(fmt.Sprintf("%d tasks run on", t.left()))
			}
			return failed, err
		}
		if !change.Over() {
			t.see(change.Status)
			continue
		}
		ok, err := j.end(reports[change.ARN], change)
		if err != nil {
			return failed, err
		}
		if !ok {
			failed++
		}
		t.end(change.ARN, !ok)
	}
	return failed, nil
}

// end tells how one task has ended, and whether it has done its work.
func (j *job) end(report object.Location, c submit.Change) (ok bool, err error) {
	exit, reason := "none", c.Reason
	if code, known := c.Exits[submit.Family(j.plan.Definition)]; known {
		exit = strconv.Itoa(code)
	}
	if c.Err != nil {
		reason = c.Err.Error()
	}
	if err := j.lines.task(report, c.ARN, exit, reason); err != nil {
		return false, err
	}
	if exit == "0" {
		j.console.Log.Info("done "+report.String(), "task", c.ARN)
		return true, nil
	}
	j.console.Log.Error("group "+report.String(), "task", c.ARN, "exit", exit, "err", reason)
	return false, j.lines.failed(report)
}
