//go:build unix

package retrieve

import (
	"os"
	"syscall"
)

// claims reports whether claim does something.
const claims = true

// claim takes a file for this process until it is closed, or the process ends.
// It reports whether no other has it.
func claim(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
