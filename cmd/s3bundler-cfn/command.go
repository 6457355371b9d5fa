package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"s3bundler/deploy/stack"
	"s3bundler/internal/cli"
	"s3bundler/internal/fault"
)

func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "s3bundler-cfn",
		Short: "Write the CloudFormation templates that run s3bundler",
		Long: `Write the CloudFormation templates that run s3bundler, and ask S3 for inventories.

The ecs template is the work: bucket, queues, tasks, scaling, alarms, dashboard.
The machines under it are one of two: spotfleet keeps a number of vCPUs running
until it is told otherwise; capacity grows with the work and shrinks to nothing.`,
		RunE: func(*cobra.Command, []string) error {
			return cli.Usagef("no command: write ecs, spotfleet, capacity or inventory")
		},
	}
	cli.Exits(cmd, fault.API)
	cmd.AddCommand(newECS(), newSpotFleet(), newCapacity(), newInventory())
	return cmd
}

func newECS() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:     "ecs [-o FILE]",
		Short:   "The work: bucket, queues, tasks, scaling, alarms, dashboard",
		Example: "  s3bundler-cfn ecs > s3bundler.cfn.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return write(cmd, file, stack.ECS())
		},
	}
	addOutput(cmd, &file)
	return cmd
}

func addOutput(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "output", "o", "-", "`FILE` to write; - is standard output")
}

// write puts the template on standard output or, whole or not at all, into a
// file.
func write(cmd *cobra.Command, file string, t *stack.Template) error {
	b, err := t.JSON()
	if err != nil {
		return err
	}
	if file == "-" {
		if _, err := cmd.OutOrStdout().Write(b); err != nil {
			return fault.New(fault.Write, "write", "standard output", err, "")
		}
		return nil
	}
	if err := replace(file, b); err != nil {
		return fault.New(fault.Write, "write", file, err, "")
	}
	return nil
}

func replace(file string, b []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = io.Writer(tmp).Write(b)
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}
