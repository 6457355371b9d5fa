package cli

import (
	"runtime"
	"runtime/debug"
)

// version and commit are set by the linker (-ldflags -X) and by nothing else.
var version, commit string

// Version is the program's version and commit on one line. A build without
// the Makefile says what the Go tool recorded.
func Version() string {
	v, c := version, commit
	if info, ok := debug.ReadBuildInfo(); ok {
		if v == "" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && c == "" {
				c = s.Value
			}
		}
	}
	if v == "" {
		v = "(devel)"
	}
	if c != "" {
		v += " commit " + c
	}
	return v + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}
