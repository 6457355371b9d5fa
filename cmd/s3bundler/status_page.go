package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/term"

	"s3bundler/internal/fault"
	"s3bundler/internal/status"
)

// writePage puts the page into a file, whose readers see the old page or the
// new one, whole.
func writePage(name string, r *status.Report, refresh time.Duration) error {
	var page bytes.Buffer
	err := r.Page(&page, refresh)
	if err == nil {
		err = replaceFile(name, page.Bytes())
	}
	if err != nil {
		return fault.New(fault.Write, "write page", name, err, "")
	}
	return nil
}

// replaceFile puts content in the place of what a file has; never half of it,
// unless it is no regular file: a device or a pipe is written to.
func replaceFile(name string, content []byte) error {
	if at, err := filepath.EvalSymlinks(name); err == nil {
		name = at
	}
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(name, content, 0o644)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".s3bundler-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if cerr := f.Chmod(0o644); err == nil { // CreateTemp keeps it from all others
		err = cerr
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error tells more
	}
	return err
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}
