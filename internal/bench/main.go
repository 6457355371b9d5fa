// Bench measures the built commands beside their floors: what the same
// requests, or the same bytes, cost a program that does nothing else. It runs
// both in turn, several times, and writes what it found as a table on screen,
// results.md, a chart and a section of the README. No figure of those is
// written by hand.
//
// S3 is the stub, in a process of its own; so is every program measured, and
// processor time and memory are the kernel's account of that process alone.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// options are the command line.
type options struct {
	bin, tools string
	out        string
	readme     string
	only       string
	pairs      int
	short      bool
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "`FOLDER` of the built commands")
	flag.StringVar(&o.tools, "tools", "bin/bench", "`FOLDER` of the built stub and floor")
	flag.StringVar(&o.out, "out", "internal/bench", "`FOLDER` for results.md and the chart")
	flag.StringVar(&o.readme, "readme", "", "`FILE` whose marked section is written anew")
	flag.StringVar(&o.only, "only", "", "measure only what this `REGEXP` finds, and write nothing")
	flag.IntVar(&o.pairs, "pairs", 5, "measure each `N` times")
	flag.BoolVar(&o.short, "short", false, "measure next to nothing, to see whether it works")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
