package main

import (
	"fmt"
	"io"
	"strings"

	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/object"
)

// lines is what the command writes to standard output: a line for each task
// or, with failedOnly, the URIs of those that have failed.
type lines struct {
	out        io.Writer
	failedOnly bool
}

// task writes a task's fields, separated by tabs.
func (l lines) task(report object.Location, fields ...string) error {
	if l.failedOnly {
		return nil
	}
	for i, f := range fields {
		fields[i] = cli.OneLine(f)
	}
	return l.write(report.String() + "\t" + strings.Join(fields, "\t"))
}

// failed writes the URI as it was read, so that it can be read again.
func (l lines) failed(report object.Location) error {
	if !l.failedOnly {
		return nil
	}
	return l.write(report.String())
}

func (l lines) write(line string) error {
	if _, err := fmt.Fprintln(l.out, line); err != nil {
		return fault.New(fault.Write, "write to", "standard output", err, "")
	}
	return nil
}
