//go:build !unix

package retrieve

import (
	"io/fs"
	"os"
)

// claims reports whether claim does something.
const claims = false

// claim would take a file for this process until its end, for which there is
// nothing here: files that a killed run has left stay.
func claim(*os.File) bool { return false }

// links would be how many names a file has. Without claims no file that is
// there is written to, so that it does not matter.
func links(fs.FileInfo) uint64 { return 1 }
