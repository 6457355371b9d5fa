package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// each calls do with the numbers below n, in inFlight goroutines. Each
// goroutine has a buffer of its own, of size bytes.
func each(ctx context.Context, n int64, inFlight int, size int64, do func(ctx context.Context, i int64, buf []byte) error) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range inFlight {
		g.Go(func() error {
			buf := make([]byte, size)
			for i := next.Add(1) - 1; i < n; i = next.Add(1) - 1 {
				if err := do(ctx, i, buf); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// key is what the manifests of the benchmark call object i.
func key(i int64) string { return fmt.Sprintf("logs/%03d/obj-%06d.bin", i%1000, i) }

// get reads all objects, in no order.
func (w *work) get(ctx context.Context, c *client) error {
	return each(ctx, w.objects, w.inFlight, w.size, func(ctx context.Context, i int64, buf []byte) error {
		return c.get(ctx, "/"+w.bucket+"/"+key(i), buf)
	})
}

// put stores all objects, in no order.
func (w *work) put(ctx context.Context, c *client) error {
	return each(ctx, w.objects, w.inFlight, w.size, func(ctx context.Context, i int64, buf []byte) error {
		return c.put(ctx, "/"+w.to+"/"+key(i), buf)
	})
}

// relay fills parts with ranges of the objects and sends them, each goroutine
// one part after the other. All parts belong to one multipart upload.
func (w *work) relay(ctx context.Context, c *client) error {
	id, err := c.create(ctx, w.to)
	if err != nil {
		return err
	}
	total := w.objects * w.size
	parts := (total + w.part - 1) / w.part
	return each(ctx, parts, w.inFlight, w.part, func(ctx context.Context, i int64, buf []byte) error {
		buf = buf[:min(w.part, total-i*w.part)]
		if err := w.fill(ctx, c, i*w.part, buf); err != nil {
			return err
		}
		return c.put(ctx, fmt.Sprintf("/%s/relayed?partNumber=%d&uploadId=%s", w.to, i+1, id), buf)
	})
}

// fill reads len(buf) bytes of all objects' bytes in a row, from offset on.
func (w *work) fill(ctx context.Context, c *client, offset int64, buf []byte) error {
	for len(buf) > 0 {
		object, at := offset/w.size, offset%w.size
		n := min(int64(len(buf)), w.size-at, w.chunk-at%w.chunk)
		if err := c.getRange(ctx, "/"+w.bucket+"/"+key(object), at, buf[:n]); err != nil {
			return err
		}
		buf, offset = buf[n:], offset+n
	}
	return nil
}

// create starts a multipart upload.
func (c *client) create(ctx context.Context, bucket string) (id string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint+"/"+bucket+"/relayed?uploads", nil)
	if err != nil {
		return "", err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	_, rest, _ := strings.Cut(string(text), "<UploadId>")
	id, _, ok := strings.Cut(rest, "<")
	if err == nil && !ok {
		err = fmt.Errorf("no upload ID in %q", text)
	}
	return id, err
}
