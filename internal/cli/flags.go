package cli

import (
	"log/slog"

	"github.com/spf13/cobra"
)

// Flags are those that every command that speaks to AWS has.
type Flags struct {
	// Region, Profile and EndpointURL are as given, or empty: the environment
	// and the AWS configuration files then decide.
	Region, Profile, EndpointURL string

	verbose, debug bool
}

// Add gives cmd the flags, and -v, -d for its log lines.
func (f *Flags) Add(cmd *cobra.Command) { f.AddWithRegion(cmd, "") }

// AddWithRegion is Add with a one-letter name for --region.
func (f *Flags) AddWithRegion(cmd *cobra.Command, letter string) {
	fs := cmd.Flags()
	fs.StringVarP(&f.Region, "region", letter, "", "AWS `REGION` (default: AWS_REGION, then the profile's)")
	fs.StringVar(&f.Profile, "profile", "", "`NAME` of a profile in ~/.aws (default: AWS_PROFILE)")
	fs.StringVar(&f.EndpointURL, "endpoint-url", "", "send requests to this `URL` instead of AWS: MinIO, Ceph, a sandbox")
	f.AddLog(cmd)
}

// AddLog gives cmd -v and -d alone.
func (f *Flags) AddLog(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "log what is done, not only starts, ends and errors")
	cmd.Flags().BoolVarP(&f.debug, "debug", "d", false, "log also what helps to find a fault")
}

// Level is the least level that -v and -d let through.
func (f *Flags) Level() slog.Level {
	switch {
	case f.debug:
		return slog.LevelDebug
	case f.verbose:
		return slog.LevelInfo
	default:
		return LevelNotice
	}
}

// Console opens cmd's standard error as the flags say.
func (f *Flags) Console(cmd *cobra.Command) *Console {
	return NewConsole(cmd.ErrOrStderr(), f.Level())
}
