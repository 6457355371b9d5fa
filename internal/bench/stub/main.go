package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

func main() {
	delay := flag.Duration("first-byte", 0, "`WAIT` before the first byte of every answer")
	text := flag.String("text", "", "`FILE` of which text objects are made")
	flag.Parse()
	if err := run(*delay, *text, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "stub:", err)
		os.Exit(1)
	}
}

func run(delay time.Duration, text string, in io.Reader, out io.Writer) error {
	pools := map[string][]byte{"bin": binPool()}
	if text != "" {
		pool, err := textPool(text)
		if err != nil {
			return err
		}
		pools["text"] = pool
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := newServer(pools, delay)
	served := make(chan error, 1)
	go func() { served <- s.serve(ln) }()
	fmt.Fprintf(out, "http://%s\n", ln.Addr())
	err = obey(s, in, out)
	return errors.Join(err, ln.Close(), <-served)
}

// obey answers the lines of in until it ends.
func obey(s *server, in io.Reader, out io.Writer) error {
	lines, to := bufio.NewScanner(in), json.NewEncoder(out)
	before := processorTime()
	for lines.Scan() {
		if lines.Text() != "counts" {
			return fmt.Errorf("%q is no order", lines.Text())
		}
		c, now := s.counts(), processorTime()
		c.CPU = int64(now - before)
		before = now
		if err := to.Encode(c); err != nil {
			return err
		}
	}
	return lines.Err()
}

func processorTime() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0 // it cannot fail
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
