package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"s3bundler/internal/aws"
	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
	"s3bundler/internal/object"
	"s3bundler/internal/submit"
)

func (o *options) run(cmd *cobra.Command) error {
	reports, err := o.read(cmd.InOrStdin())
	if err != nil {
		return err
	}
	console := o.Console(cmd)
	if len(reports) == 0 {
		console.Notice("nothing to submit: " + o.input() + " holds no URI")
		return nil
	}
	if o.dryRun {
		return o.print(cmd.OutOrStdout(), reports)
	}
	cfg, err := aws.Load(cmd.Context(), aws.Settings{Region: o.Region, Profile: o.Profile, EndpointURL: o.EndpointURL})
	if err != nil {
		return err
	}
	job := &job{
		options: o,
		tasks:   aws.NewECS(cfg),
		console: console,
		lines:   lines{console.Output(cmd.OutOrStdout()), o.failedOnly},
	}
	return job.run(cmd.Context(), reports)
}

// input is the name of what the URIs are read from.
func (o *options) input() string {
	if o.file == "-" {
		return "standard input"
	}
	return o.file
}

// read returns all reports, or an error before anything is submitted.
func (o *options) read(stdin io.Reader) ([]object.Location, error) {
	if o.file == "-" {
		return submit.ReadReports(stdin, o.input())
	}
	f, err := os.Open(o.file)
	if err != nil {
		return nil, fault.New(fault.Read, "", "", err, "")
	}
	defer f.Close() // nothing was written
	return submit.ReadReports(f, o.input())
}

// print writes what each task would run.
func (o *options) print(out io.Writer, reports []object.Location) error {
	for _, r := range reports {
		t := o.plan.Task(r)
		words := make([]string, len(t.Command))
		for i, w := range t.Command {
			words[i] = shellWord(w)
		}
		if _, err := fmt.Fprintf(out, "%s\t%s: %s\n", cli.OneLine(r.String()), t.Container, strings.Join(words, " ")); err != nil {
			return fault.New(fault.Write, "write to", "standard output", err, "")
		}
	}
	return nil
}

// shellWord quotes a word as a shell needs it.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,+@%", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
