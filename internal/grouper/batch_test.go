package grouper

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
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

// newGrouping makes one that checks what it drops.
func newGrouping(maxBytes int64, maxRows int) *grouping {
	return &grouping{maxBytes: maxBytes, maxRows: maxRows, columns: plain(), buffer: noBuffer, drop: func([]byte) {}}
}

// addSizes adds one row of each size, named by their number.
func addSizes(g *grouping, sizes []int64) {
	for i, size := range sizes {
		g.add(&inventory.Row{Bucket: []byte("b"), Key: fmt.Append(nil, i), Size: size})
	}
}

// texts shows batches as "0:4 1:5", number and size of each row.
func texts(t *testing.T, batches []batch) (got []string) {
	for _, b := range batches {
		text := strings.ReplaceAll(strings.TrimSuffix(string(joined(t, b)), "\n"), "\n", " ")
		got = append(got, strings.ReplaceAll(strings.ReplaceAll(text, "b,", ""), ",", ":"))
		if b.rows != strings.Count(text, " ")+1 {
			t.Errorf("%d rows in %q", b.rows, text)
		}
	}
	return got
}

func joined(t *testing.T, b batch) []byte {
	t.Helper()
	text, err := b.join(nil)
	if err != nil || len(text) != b.size {
		t.Fatalf("%d of %d bytes, %v", len(text), b.size, err)
	}
	return text
}

func TestGrouping(t *testing.T) {
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
			for _, packFrom := range []int{0, 15, 1000} {
				g := newGrouping(c.maxBytes, c.maxRows)
				g.packFrom = packFrom
				addSizes(g, c.sizes)
				g.cut()
				g.cut()
				held := g.held
				got := texts(t, g.take())
				if !slices.Equal(got, c.want) {
					t.Errorf("got %q, want %q", got, c.want)
				}
				if again := g.take(); len(again) > 0 || g.held > 0 || (held > 0) != (len(got) > 0) {
					t.Errorf("%d bytes held; taken again: %q", held, texts(t, again))
				}
			}
		})
	}
}

func TestRewind(t *testing.T) {
	for _, c := range []struct {
		name         string
		before, then []int64
	}{
		{"nothing at all", nil, nil},
		{"nothing since", sizes(1, 2), nil},
		{"all", nil, sizes(1, 2)},
		{"within a batch", sizes(1, 2), sizes(3)},
		{"up to its end", sizes(1, 2), sizes(3, 4)},
		{"beyond it", sizes(1, 2), sizes(3, 4, 5, 6, 7, 8, 9, 10, 11)},
		{"from the start of one", sizes(1, 2, 3, 4), sizes(5, 6, 7, 8, 9)},
		{"past several marks", sizes(1, 2, 3, 4, 5, 6, 7, 8, 9), sizes(5, 6, 7, 8)},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, want := newGrouping(1000, 4), newGrouping(1000, 4)
			addSizes(g, c.before)
			addSizes(want, c.before)
			taken := texts(t, g.take())
			addSizes(g, c.then)
			for range 2 {
				if err := g.rewind(); err != nil {
					t.Fatal(err)
				}
			}
			if g.held != 0 || len(g.full) > 0 {
				t.Errorf("%d bytes held in %d batches", g.held, len(g.full))
			}
			addSizes(g, sizes(99, 98, 97))
			addSizes(want, sizes(99, 98, 97))
			g.cut()
			want.cut()
			if got, want := append(taken, texts(t, g.take())...), texts(t, want.take()); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestLongTexts: a batch of many long rows does not stay in memory as it is,
// and can be rewound to any of its parts.
func TestLongTexts(t *testing.T) {
	row := &inventory.Row{Bucket: []byte("b"), Key: bytes.Repeat([]byte("long/"), 200)}
	const n = 3*partSize/1000 + 10
	for _, mark := range []int{1, partSize/1000 + 10, n} {
		g := newGrouping(1, n)
		for range mark {
			g.add(row)
		}
		if got := g.take(); (len(got) > 0) != (mark == n) {
			t.Fatalf("%d batches are full after %d of %d rows", len(got), mark, n)
		}
		for range n + 5 {
			g.add(row)
		}
		if err := g.rewind(); err != nil {
			t.Fatal(err)
		}
		for range n - mark%n {
			g.add(row)
		}
		got := g.take()
		if len(got) != 1 || got[0].rows != n || got[0].memory() > partSize+partSize/10 {
			t.Fatalf("mark at %d: %d batches, %d bytes", mark, len(got), got[0].memory())
		}
		if text := joined(t, got[0]); !bytes.Equal(text, bytes.Repeat(g.appendRow(nil, row), n)) {
			t.Errorf("mark at %d: the text is another", mark)
		}
	}
}

// FuzzGrouping: no batch is empty, none goes on once it is full, and together
// they are all rows in order, also if some were taken back and added again.
func FuzzGrouping(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0, 200}, int64(5), 3, uint8(2), uint8(3), uint8(0))
	f.Add([]byte{0, 0, 0}, int64(1), 1, uint8(0), uint8(0), uint8(20))
	f.Fuzz(func(t *testing.T, in []byte, maxBytes int64, maxRows int, mark, back uint8, packFrom uint8) {
		g := newGrouping(max(maxBytes, 1), max(maxRows, 1))
		g.packFrom = int(packFrom)
		g.drop = func(text []byte) { clear(text[:cap(text)]) } // as if it were used again
		var want strings.Builder
		var s []int64
		rows := make([]*inventory.Row, len(in))
		for i, b := range in {
			s = append(s, int64(b))
			fmt.Fprintf(&want, "b,%d,%d\n", i, b)
			rows[i] = &inventory.Row{Bucket: []byte("b"), Key: fmt.Append(nil, i), Size: int64(b)}
		}
		marked := min(int(mark), len(rows))
		for _, row := range rows[:marked] {
			g.add(row)
		}
		got := g.take()
		for _, row := range rows[marked:min(marked+int(back), len(rows))] {
			g.add(row)
		}
		if err := g.rewind(); err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[marked:] {
			g.add(row)
		}
		g.cut()
		got = append(got, g.take()...)
		var text strings.Builder
		next := 0
		for _, b := range got {
			if b.rows == 0 || b.rows > g.maxRows {
				t.Fatalf("%d rows", b.rows)
			}
			var sum int64
			for i, size := range s[next : next+b.rows] {
				if i > 0 && sum >= g.maxBytes {
					t.Fatal("it was full before its last row")
				}
				sum += size
			}
			if next += b.rows; next < len(s) && b.rows < g.maxRows && sum < g.maxBytes {
				t.Fatal("it was not full")
			}
			text.Write(joined(t, b))
		}
		if text.String() != want.String() {
			t.Errorf("got %q, want %q", text.String(), want.String())
		}
	})
}
