package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// usage is what one process took.
type usage struct {
	wall time.Duration
	cpu  time.Duration // in user and system mode
	// memory is the peak of what was resident (VmHWM), in bytes; that of this
	// program where the process needed less.
	memory int64
	// disk is the bytes written to files, also to such as are gone again.
	disk int64
	// message is what was written to standard error.
	message string
}

// measure runs a program to its end in an empty folder, which is also its
// TMPDIR. Settings for AWS come from env alone.
func measure(ctx context.Context, env []string, name string, args ...string) (usage, error) {
	dir, err := os.MkdirTemp("", "s3bundler-bench-")
	if err != nil {
		return usage{}, err
	}
	defer os.RemoveAll(dir)
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Dir, cmd.Stderr = dir, &said
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, "TMPDIR="+dir), env...)
	began := time.Now()
	err = cmd.Run()
	u := usage{wall: time.Since(began), message: said.String()}
	if err != nil {
		return u, fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, u.message)
	}
	r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return u, errors.New("this system does not tell what a process has used")
	}
	u.cpu = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	u.memory = int64(r.Maxrss)
	if runtime.GOOS == "linux" {
		u.memory <<= 10 // getrusage(2) counts in KiB there
	}
	left, err := bytesIn(dir)
	u.disk = int64(r.Oublock)*512 + left
	return u, err
}

// bytesIn counts the bytes in the files of a folder.
func bytesIn(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
