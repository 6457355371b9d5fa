package main

import (
	"github.com/spf13/cobra"

	"s3bundler/internal/cli"
	"s3bundler/internal/health"
)

// newHealthCheck makes the command that a container's health check runs: the
// worker's image holds no other.
func newHealthCheck() *cobra.Command {
	var addr string
	cmd := &cobra.Command{
		Use:   "healthcheck --health-addr ADDRESS",
		Short: "Ask the worker at an address whether it is well",
		Long: `Ask the worker that runs with the same --health-addr whether it is alive and
still holds what it works on. Exits 0 if so.`,
		Example:               "  s3bundler healthcheck --health-addr 127.0.0.1:8080",
		Args:                  cobra.NoArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if addr == "" {
				return cli.Usagef("--health-addr is empty")
			}
			return health.Ask(cmd.Context(), addr)
		},
	}
	cmd.Flags().StringVar(&addr, "health-addr", "", "the worker's `ADDRESS`, host:port or unix:PATH")
	_ = cmd.MarkFlagRequired("health-addr") // it fails for unknown flags alone
	cli.Exits(cmd)
	return cmd
}
