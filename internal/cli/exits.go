package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"s3bundler/internal/fault"
)

// Exits adds the table of exit codes to cmd's help: 0, 1, 2, 130, 143, which
// every command has, and those of kinds.
func Exits(cmd *cobra.Command, kinds ...fault.Kind) {
	codes := []int{0, 1, int(fault.Usage), int(fault.Interrupted), exitTerminated}
	for _, k := range kinds {
		codes = append(codes, int(k))
	}
	slices.Sort(codes)
	var b strings.Builder
	b.WriteString("\nExit codes:\n")
	for _, c := range slices.Compact(codes) {
		fmt.Fprintf(&b, "  %3d  %s\n", c, meaning(c))
	}
	cmd.SetUsageTemplate(cmd.UsageTemplate() + b.String())
}

func meaning(code int) string {
	switch code {
	case 0:
		return "all is done"
	case int(fault.Usage):
		return "wrong usage, a failed local write, or a queue that cannot be used"
	case int(fault.Read):
		return "malformed input: a report, inventory, manifest, index or list"
	case int(fault.Upload):
		return "an archive, index or manifest could not be stored"
	case int(fault.Download):
		return "a report, inventory, manifest or object could not be read"
	case int(fault.Compress):
		return "damaged gzip data, or a failed compression"
	case int(fault.API):
		return "another AWS call failed"
	case int(fault.Interrupted):
		return "interrupted (SIGINT)"
	case exitTerminated:
		return "terminated (SIGTERM) before the work was done"
	default:
		return "any other failure"
	}
}
