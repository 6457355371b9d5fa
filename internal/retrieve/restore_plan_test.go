package retrieve

import (
	"fmt"
	"strings"
	"testing"

	"s3bundler/internal/archive"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
)

// TestPlanner writes objects as name:offset+size, or name:offset+size@block+length
// in a compressed archive, and jobs as [names offset+length], or {names} for
// what is streamed.
func TestPlanner(t *testing.T) {
	const mb = 1 << 20
	plain := func(name string, offset, size int64) index.Row {
		return index.Row{Key: name, Size: size, Place: &archive.Place{Offset: offset, BlockLength: -1}}
	}
	packed := func(name string, offset, size, block, length int64) index.Row {
		return index.Row{Key: name, Size: size, Place: &archive.Place{Offset: offset, Block: block, BlockLength: length}}
	}
	for _, tt := range []struct {
		name       string
		compressed bool
		rows       []index.Row
		want       string
	}{
		{"neighbours", false, []index.Row{plain("a", 512, 100), plain("b", 1536, 100), plain("c", 2560, 50)}, "[abc 512+2098]"},
		{"far apart", false, []index.Row{plain("a", 512, 100), plain("b", mb, 100)}, "[a 512+100] [b 1048576+100]"},
		{"empty among them", false, []index.Row{plain("a", 512, 100), plain("b", 1024, 0), plain("c", 1536, 1)}, "[abc 512+1025]"},
		{"only empty", false, []index.Row{plain("a", 512, 0)}, "[a 0+0]"},
		{"a run is full", false, []index.Row{plain("a", 0, 3*mb), plain("b", 3*mb+512, 3*mb)}, "[a 0+3145728] [b 3146240+3145728]"},
		{"a large one", false, []index.Row{plain("a", 512, 1), plain("L", 2048, 5*mb), plain("b", 5*mb+4096, 1), plain("c", 5*mb+5120, 1)}, "{L} [a 512+1] [bc 5246976+1025]"},
		{"backwards", false, []index.Row{plain("a", 9000, 10), plain("b", 512, 10)}, "[a 9000+10] [b 512+10]"},
		{"blocks", true, []index.Row{packed("a", 512, 9, 0, 700), packed("b", 2048, 9, 0, 700), packed("c", 512, 9, 700, 300)}, "[abc 0+1000]"},
		{"a long block", true, []index.Row{packed("a", 512, 9, 0, 700), packed("b", 512, 9, 700, 5*mb), packed("c", 5*mb, 9, 700, 5*mb), packed("d", 512, 9, 5*mb+700, 8)}, "{bc} [a 0+700] [d 5243580+8]"},
		{"a block that inflates", true, []index.Row{packed("a", 512, 9*mb, 0, 900), packed("b", 512, 9, 900, 100)}, "{a} [b 900+100]"},
		{"unknown places", false, []index.Row{{Key: "a", Size: 1}, {Key: "b", Size: 5 * mb}, {Key: "e"}}, "[e 0+0] {ab}"},
	} {
		var got []string
		p := planner{start: func(j job) error {
			names := ""
			for _, w := range j.objects {
				names += w.row.Key
			}
			if j.streamed {
				got = append(got, "{"+names+"}")
			} else {
				got = append(got, fmt.Sprintf("[%s %d+%d]", names, j.offset, j.length))
			}
			return nil
		}}
		a := &Archive{Object: object.Object{Size: 100 * mb}, Compressed: tt.compressed}
		for _, r := range tt.rows {
			if err := p.add(&wanted{row: r, archive: a}); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.flush(); err != nil {
			t.Fatal(err)
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, s, tt.want)
		}
	}
}

// A run's memory is bounded also where objects are tiny, and objects of two
// archives are never read together.
func TestPlannerBounds(t *testing.T) {
	most, jobs := 0, 0
	p := planner{start: func(j job) error {
		jobs++
		most = max(most, len(j.objects))
		for _, w := range j.objects {
			if w.archive != j.archive {
				t.Errorf("an object of another archive in a job")
			}
		}
		if j.cost > runSize+inflated+runSize {
			t.Errorf("a run of %d bytes", j.cost)
		}
		return nil
	}}
	for range 2 {
		a := &Archive{}
		for i := range int64(10_000) {
			row := index.Row{Size: 1, Place: &archive.Place{Offset: 512 + 1024*i/256, BlockLength: -1}}
			if err := p.add(&wanted{row: row, archive: a}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.flush(); err != nil {
		t.Fatal(err)
	}
	if most > runSize/rowCost || jobs < 4 {
		t.Errorf("up to %d objects in %d jobs", most, jobs)
	}
}
