package grouper

import (
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"s3bundler/internal/inventory"
	"s3bundler/internal/manifest"
)

func sumOf(b []byte) string        { return fmt.Sprintf("%x", md5.Sum(b)) }
func sha256Of(s string) string     { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
func noBuffer() []byte             { return nil }
func plain() []manifest.Column     { return manifest.DefaultFields().Columns() }
func sizes(n ...int64) (s []int64) { return n }

// sized yields one row of each size, then err if there is one.
func sized(sizes []int64, err error) iter.Seq2[*inventory.Row, error] {
	return func(yield func(*inventory.Row, error) bool) {
		for i, size := range sizes {
			if !yield(&inventory.Row{Bucket: []byte("b"), Key: fmt.Append(nil, i), Size: size}, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func TestBatches(t *testing.T) {
	for _, c := range []struct {
		name     string
		maxBytes int64
		maxRows  int
		sizes    []int64
		want     []string
	}{
		{"none", 10, 10, nil, nil},
		{"one", 10, 10, sizes(1), []string{"0:1"}},
		{"by count", 1000, 2, sizes(1, 1, 1, 1, 1), []string{"0:1 1:1", "2:1 3:1", "4:1"}},
		{"the last fills one", 1000, 2, sizes(1, 1), []string{"0:1 1:1"}},
		{"by size, overshooting", 10, 100, sizes(4, 5, 6, 10, 9, 1, 3), []string{"0:4 1:5 2:6", "3:10", "4:9 5:1", "6:3"}},
		{"empty objects", 1, 3, sizes(0, 0, 0, 0, 7, 0), []string{"0:0 1:0 2:0", "3:0 4:7", "5:0"}},
		{"each of its own", 1, 1, sizes(0, 1, 2), []string{"0:0", "1:1", "2:2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			g := grouping{maxBytes: c.maxBytes, maxRows: c.maxRows, columns: plain(), buffer: noBuffer}
			for b, err := range g.batches(sized(c.sizes, nil)) {
				if err != nil {
					t.Fatal(err)
				}
				text := strings.ReplaceAll(strings.TrimSuffix(string(b.text), "\n"), "\n", " ")
				got = append(got, strings.ReplaceAll(strings.ReplaceAll(text, "b,", ""), ",", ":"))
				if b.rows != strings.Count(string(b.text), "\n") {
					t.Errorf("%d rows in %q", b.rows, b.text)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestBatchesEndWithAnError(t *testing.T) {
	broken := errors.New("broken")
	g := grouping{maxBytes: 10, maxRows: 2, columns: plain(), buffer: noBuffer}
	var got []string
	for b, err := range g.batches(sized(sizes(1, 1, 1), broken)) {
		got = append(got, fmt.Sprint(b.rows, err))
	}
	if !slices.Equal(got, []string{"2 <nil>", "0 broken"}) {
		t.Errorf("got %q", got)
	}
	for range g.batches(sized(sizes(1, 1, 1, 1), broken)) {
		break // must not be called again
	}
}

// FuzzBatches: no batch is empty, none goes on once it is full, and together
// they are all rows in order.
func FuzzBatches(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0, 200}, int64(5), 3)
	f.Add([]byte{0, 0, 0}, int64(1), 1)
	f.Fuzz(func(t *testing.T, in []byte, maxBytes int64, maxRows int) {
		var s []int64
		var want strings.Builder
		for i, b := range in {
			s = append(s, int64(b))
			fmt.Fprintf(&want, "b,%d,%d\n", i, b)
		}
		var got strings.Builder
		var next int
		g := grouping{maxBytes: max(maxBytes, 1), maxRows: max(maxRows, 1), columns: plain(), buffer: noBuffer}
		for b := range g.batches(sized(s, nil)) {
			if b.rows == 0 || b.rows > g.maxRows {
				t.Fatalf("%d rows", b.rows)
			}
			var sum int64
			for i, size := range s[next : next+b.rows] {
				if i == b.rows-1 && sum >= g.maxBytes {
					t.Fatal("it was full before its last row")
				}
				sum += size
			}
			if next += b.rows; next < len(s) && b.rows < g.maxRows && sum < g.maxBytes {
				t.Fatal("it was not full")
			}
			got.Write(b.text)
		}
		if got.String() != want.String() {
			t.Errorf("got %q, want %q", got.String(), want.String())
		}
	})
}
