package sandbox

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"
)

func FuzzGeneratedAnywhere(f *testing.F) {
	f.Add(uint64(1), uint16(0), uint16(9), false)
	f.Add(uint64(2), uint16(13), uint16(300), true)
	f.Add(uint64(3), uint16(4095), uint16(1), true)
	f.Fuzz(func(t *testing.T, seed uint64, off, n uint16, text bool) {
		g := Generated{Size: 4096, Seed: seed, Text: text}
		whole := make([]byte, g.Size)
		if _, err := g.ReadAt(whole, 0); err != nil {
			t.Fatal(err)
		}
		part := make([]byte, n)
		got, err := g.ReadAt(part, int64(off))
		if int(off) >= len(whole) {
			if got != 0 || err != io.EOF {
				t.Fatalf("%d bytes, %v beyond the end", got, err)
			}
			return
		}
		want := whole[off:min(int(off)+int(n), len(whole))]
		if !bytes.Equal(part[:got], want) || (err == io.EOF) != (got < int(n)) {
			t.Fatalf("%d bytes at %d: %d, %v", n, off, got, err)
		}
	})
}

func TestGeneratedCompresses(t *testing.T) {
	for _, c := range []struct {
		g           Generated
		least, most int
	}{
		{Generated{Size: 1 << 20, Seed: 7}, 1 << 20, 2 << 20},
		{Generated{Size: 1 << 20, Seed: 7, Text: true}, 1 << 20 / 10, 1 << 20 / 4},
	} {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if err := writeAll(z, c.g); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if b.Len() < c.least || b.Len() > c.most {
			t.Errorf("%+v: %d bytes, want %d to %d", c.g, b.Len(), c.least, c.most)
		}
	}
}

func TestContentSections(t *testing.T) {
	g := Generated{Size: 1000, Seed: 5}
	whole, err := readAll(g)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]content{
		"memory":             memory(whole),
		"joined":             join([]content{memory(whole[:10]), sectionOf(g, 10, 500), memory(whole[510:])}),
		"section":            sectionOf(g, 0, 1000),
		"section of section": sectionOf(sectionOf(joined{memory("xx"), g}, 1, 1001), 1, 1000),
	} {
		for _, r := range [][2]int64{{0, 1000}, {5, 10}, {9, 1}, {10, 1}, {509, 2}, {999, 1}, {0, 0}} {
			var b bytes.Buffer
			open, err := sectionOf(c, r[0], r[1]).open()
			if err == nil {
				err = open.writeTo(&b, 0, r[1])
			}
			if err != nil || !bytes.Equal(b.Bytes(), whole[r[0]:r[0]+r[1]]) {
				t.Errorf("%s %v: %d bytes, %v", name, r, b.Len(), err)
			}
		}
	}
}
