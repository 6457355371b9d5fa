package bundler_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"s3bundler/internal/bundler"
	"s3bundler/internal/layout"
	"s3bundler/internal/manifest"
	"s3bundler/internal/object"
	"s3bundler/internal/sandbox"
)

// gate holds up one request to the archive bucket at a time: the nth from when
// it was set, before S3 does what is asked. That is also after S3 has done what
// was asked before.
type gate struct {
	mu      sync.Mutex
	left    int
	reached chan<- string // gets the operation
	leave   <-chan struct{}
}

func (g *gate) set(n int, reached chan<- string, leave <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left, g.reached, g.leave = n, reached, leave
}

func (g *gate) pass(e sandbox.Exchange) {
	if e.Bucket != "dst" {
		return
	}
	g.mu.Lock()
	if g.left == 0 {
		g.mu.Unlock()
		return
	}
	g.left--
	here, reached, leave := g.left == 0, g.reached, g.leave
	g.mu.Unlock()
	if here {
		reached <- e.Operation + " " + e.Key[strings.LastIndexByte(e.Key, '.')+1:]
		<-leave
	}
}

// racer is one of two workers on the same manifest.
type racer struct {
	at    string        // where it was held up
	leave chan struct{} // lets it go on
	done  chan struct{} // closed when it has ended
	err   error
	late  bool // it was held up, and has not ended before
}

// race starts a worker and returns when it is held up or has ended.
func (w *world) race(ctx context.Context, g *gate, n int) *racer {
	r := &racer{leave: make(chan struct{}), done: make(chan struct{})}
	reached := make(chan string, 1)
	g.set(n, reached, r.leave)
	go func() {
		defer close(r.done)
		_, r.err = bundler.New(w.s3, raceOptions(), slog.New(slog.DiscardHandler)).Bundle(ctx, at)
	}()
	select {
	case r.at = <-reached:
		r.late = true
	case <-r.done:
	}
	g.set(0, nil, nil)
	return r
}

func raceOptions() bundler.Options {
	return bundler.Options{Archive: layout.In("dst", "archive"), Fields: manifest.DefaultFields(), MaxSize: 4 * object.KiB, Memory: 32 * object.MiB}
}

func (r *racer) finish() {
	close(r.leave)
	<-r.done
}

// TestTwoWorkersOnOneManifest holds up one worker at each of its requests, lets
// another one begin, which is held up at each of its own, and lets both end in
// turn, as when a lease is lost in a partition of the network. Between the two
// the source changes, or the manifest itself, whose last content must be what
// is archived. Whatever the order, who says that the manifest is done must
// leave one whole archive with its own index and dead letters.
func TestTwoWorkersOnOneManifest(t *testing.T) {
	for _, change := range []string{"nothing", "replaced", "deleted", "appears", "relisted"} {
		t.Run(change, func(t *testing.T) {
			most := 30
			if testing.Short() {
				most = 4
			}
			g := &gate{}
			w := newWorldOn(t, sandbox.Options{Before: g.pass})
			for first := 1; first <= most; first++ {
				if !w.raceAll(g, change, first) {
					return
				}
			}
			if !testing.Short() {
				t.Errorf("a bundle makes more than %d requests: the test leaves some out", most)
			}
		})
	}
}

// raceAll holds the first worker up at its nth request, the second at each of
// its own; false if the first makes less than n.
func (w *world) raceAll(g *gate, change string, n int) bool {
	t := w.t
	for second := 0; ; second++ {
		w.startAgain(change)
		a := w.race(t.Context(), g, n)
		w.change(change)
		b := w.race(t.Context(), g, second)
		if a.late {
			a.finish()
		}
		if b.late {
			b.finish()
		}
		name := fmt.Sprintf("%s: held up at %d %q and at %d %q", change, n, a.at, second, b.at)
		for _, err := range []error{a.err, b.err} {
			if err != nil && !strings.Contains(err.Error(), "another worker") && !strings.Contains(err.Error(), "src1/b, which is gone from its bucket") {
				t.Errorf("%s: %v", name, err)
			}
		}
		// A message comes again if nobody has done it; a changed manifest has
		// one of its own.
		if a.err != nil && b.err != nil || change == "relisted" && errors.Join(a.err, b.err) != nil {
			if c := w.race(t.Context(), g, 0); c.err != nil {
				t.Errorf("%s: the third: %v", name, c.err)
			}
		}
		if err := w.consistent(); err != nil {
			t.Errorf("%s: %v\n1st %v\n2nd %v", name, err, a.err, b.err)
		}
		if !a.late {
			return false
		}
		if second > 0 && !b.late {
			return true
		}
	}
}

// startAgain empties the archive bucket and makes source and manifest new.
func (w *world) startAgain(change string) {
	w.t.Helper()
	for o, err := range w.s3.List(w.t.Context(), object.Location{Bucket: "dst"}) {
		if err == nil {
			err = w.s3.Delete(w.t.Context(), object.At(o.Location()))
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.s3.Delete(w.t.Context(), object.Object{Bucket: "src1", Key: "late"}); err != nil {
		w.t.Fatal(err)
	}
	w.rows = nil
	for _, key := range []string{"a", "b", "c"} {
		w.plant(key, sandbox.Planted{Body: []byte("content of " + key)})
	}
	w.plant("big", sandbox.Planted{Body: noise(7, 5000)})
	w.list("gone", "4")
	if change == "appears" {
		w.list("late", "4")
	}
	w.store(at, strings.Join(w.rows, ""))
}

func (w *world) change(what string) {
	w.t.Helper()
	switch what {
	case "replaced":
		old := w.rows
		w.plant("b", sandbox.Planted{Body: []byte("CONTENT OF B")})
		w.rows = old
	case "deleted":
		if err := w.s3.Delete(w.t.Context(), object.Object{Bucket: "src1", Key: "b"}); err != nil {
			w.t.Fatal(err)
		}
	case "appears":
		old := w.rows
		w.plant("late", sandbox.Planted{Body: []byte("late")})
		w.rows = old
	case "relisted":
		w.rows = slices.DeleteFunc(w.rows, func(row string) bool { return strings.HasPrefix(row, "src1,c,") })
		w.plant("d", sandbox.Planted{Body: []byte("content of d")})
		w.store(at, strings.Join(w.rows, ""))
	}
}

// consistent checks that archive, index, copy and dead letters are those of one
// run: each row is in one place, and each index row says what its member is.
func (w *world) consistent() error {
	place := layout.In("dst", "archive")
	name := manifest.Name(at.Key)
	data := w.get(place.Archive("src1", name, false))
	rows := w.csv(place.Index("src1", name))
	seen := map[string]int{"big": 1}
	tr := tar.NewReader(bytes.NewReader(data))
	for i := 0; ; i++ {
		h, err := tr.Next()
		if err == io.EOF {
			if i != len(rows) {
				return fmt.Errorf("%d members, %d index rows", i, len(rows))
			}
			break
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			return err
		}
		if i >= len(rows) || h.Name != "src1/"+rows[i][1] {
			return fmt.Errorf("member %d is %s, the index has %q", i, h.Name, rows)
		}
		sum := md5.Sum(content)
		if hex.EncodeToString(sum[:]) != rows[i][4] {
			return fmt.Errorf("%s is not what its index row %q says", h.Name, rows[i])
		}
		seen[rows[i][1]]++
	}
	for _, row := range w.csv(layout.DeadLetters(at)) {
		seen[row[1]]++
	}
	for _, row := range w.rows {
		key := strings.Split(row, ",")[1]
		if seen[key] != 1 {
			return fmt.Errorf("%s is in %d places", key, seen[key])
		}
		delete(seen, key)
	}
	if len(seen) > 0 {
		return fmt.Errorf("the manifest does not list %v", seen)
	}
	if open := w.server.Uploads(); len(open) > 0 {
		return errors.New("uploads left open")
	}
	return nil
}
