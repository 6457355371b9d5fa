package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

// work is what the flags say.
type work struct {
	endpoint string
	bucket   string
	to       string
	objects  int64
	size     int64
	inFlight int
	chunk    int64 // bytes of one GET
	part     int64 // bytes of one PUT; a multiple of chunk
}

func main() {
	var w work
	flag.StringVar(&w.endpoint, "endpoint", "", "`URL` of the server")
	flag.StringVar(&w.bucket, "bucket", "", "`BUCKET` to read from")
	flag.StringVar(&w.to, "to", "archive", "`BUCKET` to write to")
	flag.Int64Var(&w.objects, "objects", 1, "`N` objects, numbered from 0")
	flag.Int64Var(&w.size, "size", 0, "`BYTES` in each")
	flag.IntVar(&w.inFlight, "in-flight", 1, "`N` requests at once; for relay, of each kind together")
	flag.Int64Var(&w.chunk, "chunk", 8<<20, "`BYTES` of one GET of a range")
	flag.Int64Var(&w.part, "part", 16<<20, "`BYTES` of one part")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, flag.Arg(0), w)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, what string, w work) error {
	c := newClient(w.endpoint, w.inFlight)
	switch what {
	case "get":
		return w.get(ctx, c)
	case "relay":
		return w.relay(ctx, c)
	case "put":
		return w.put(ctx, c)
	case "rows":
		return w.rows(ctx, c)
	}
	return fmt.Errorf("%q is neither get, relay, put nor rows", what)
}
