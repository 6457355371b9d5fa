//go:build unix

package retrieve

import (
	"io/fs"
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

// links is how many names a file has.
func links(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink)
	}
	return 1
}
