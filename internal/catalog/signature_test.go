package catalog

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"s3bundler/internal/object"
)

// TestStripe holds signatures of every width against the keys they are of: a
// key's own runs are always there, and others seldom.
func TestStripe(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var s stripe
	var keys [][]string
	for block := range 40 {
		var of []string
		last := ""
		for i := range 50 {
			key := fmt.Sprintf("logs/%02d/app-%04d-%08x", block, i, rng.Uint32())
			shared := 0
			for shared < min(len(last), len(key)) && last[shared] == key[shared] {
				shared++
			}
			s.add([]byte(key), shared)
			of = append(of, key)
			last = key
		}
		keys = append(keys, of)
		s.end()
	}
	for width := leastBits; width <= mostBits; width++ {
		file := bytes.NewReader(s.encode(width))
		l := contents{stripes: []stripeAt{{width: width, blocks: len(keys)}}}
		passed := 0
		for block, of := range keys {
			key := of[rng.IntN(len(of))]
			from := rng.IntN(len(key) - 4)
			run := key[from : from+3+rng.IntN(len(key)-from-2)]
			got, err := l.candidates(file, gramsOf([]string{run}))
			if err != nil {
				t.Fatal(err)
			}
			if got[block/8]&(1<<(block%8)) == 0 {
				t.Fatalf("width %d: block %d holds %q, and is passed over for %q", width, block, key, run)
			}
			got, err = l.candidates(file, gramsOf([]string{fmt.Sprintf("-%08x", rng.Uint32())}))
			if err != nil {
				t.Fatal(err)
			}
			for i := range keys {
				passed += int(got[i/8] >> (i % 8) & 1)
			}
		}
		if share := float64(passed) / float64(len(keys)*len(keys)); width >= s.width() && share > 0.1 {
			t.Errorf("width %d: %.2f of the blocks are read for nothing", width, share)
		}
	}
	if w := s.width(); w <= leastBits || w >= mostBits {
		t.Errorf("width %d", w)
	}
}

func TestGramsOf(t *testing.T) {
	for literals, want := range map[string]int{"": 0, "ab": 0, "abc": 1, "abcd": 2, "abcde": 1, "abcdefg": 3, "abcde abcdef ab": 2} {
		if got := len(gramsOf(strings.Fields(literals))); got != want {
			t.Errorf("%q: %d, want %d", literals, got, want)
		}
	}
}

// A glob without a prefix reads few blocks.
func TestGlobReadsLittle(t *testing.T) {
	path := t.TempDir() + "/catalogue"
	u, err := Update(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	es := make([]Entry, 100_000)
	rng := rand.New(rand.NewPCG(8, 8))
	for i := range es {
		es[i] = Entry{Bucket: "b", Key: fmt.Sprintf("%08x-%08x/%d", rng.Uint32(), rng.Uint32(), i)}
	}
	if err := u.Add(t.Context(), source(1), yields(es, nil)); err != nil {
		t.Fatal(err)
	}
	if err := u.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := es[777]
	p := object.ParsePattern("*" + want.Key[9:17] + "*")
	cur, err := c.search(&c.root.segments[0], u.codec, p, "")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, b := range cur.skip {
		for ; b != 0; b &= b - 1 {
			read++
		}
	}
	if read > 5 || read == 0 {
		t.Errorf("%d of %d blocks are read", read, len(cur.blocks))
	}
	if got := found(t, path, p.String(), ""); len(got) != 1 || got[0].Key != want.Key {
		t.Errorf("found %v", got)
	}
}
