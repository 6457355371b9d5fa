package main

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// machine is where and of what the results are.
type machine struct {
	processor, kernel string
	processors        int
	goVersion         string
	commit            string
	date              time.Time
}

func describe() machine {
	return machine{
		processor: processor(), kernel: runtime.GOOS + " " + said("uname", "-r"), processors: runtime.NumCPU(),
		goVersion: runtime.Version(), commit: commit(), date: time.Now().UTC(),
	}
}

// commit names the source, and says if it was changed since.
func commit() string {
	c := said("git", "rev-parse", "--short=12", "HEAD")
	if c != "" && said("git", "status", "--porcelain", "--untracked-files=no") != "" {
		c += " and changes"
	}
	return c
}

// said is the first line that a command prints; empty where it fails.
func said(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
