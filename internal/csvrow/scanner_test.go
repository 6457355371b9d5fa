package csvrow

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// rows reads all of text: each row's fields joined by '|', each error as "!".
func rows(r io.Reader) (got []string, lines []int, end error) {
	s := NewScanner(r)
	for {
		fields, err := s.Next()
		var bad *RowError
		switch {
		case err == nil:
			var cells []string
			for _, f := range fields {
				cells = append(cells, string(f))
			}
			got = append(got, strings.Join(cells, "|"))
		case errors.As(err, &bad):
			got = append(got, "! "+err.Error()+": "+string(s.Row()))
		default:
			return got, lines, err
		}
		lines = append(lines, s.Line())
	}
}

func TestNext(t *testing.T) {
	long := strings.Repeat("x", MaxRow)
	for _, c := range []struct {
		name, text string
		want       []string
		lines      []int
	}{
		{"empty", "", nil, nil},
		{"quoted", "\"b\",\"k\",\"1\"\n\"b\",\"l\",\"\"\n", []string{"b|k|1", "b|l|"}, []int{1, 2}},
		{"bare", "b,k,1\nb,l,2", []string{"b|k|1", "b|l|2"}, []int{1, 2}},
		{"carriage returns", "b,k\r\n\"b\",\"l\"\r\nb,m\r", []string{"b|k", "b|l", "b|m"}, []int{1, 2, 3}},
		{"blank lines", "\n\r\nb,k\n\n\nb,l\n\n", []string{"b|k", "b|l"}, []int{3, 6}},
		{"empty fields", ",,\n\"\",,\"\"\n", []string{"||", "||"}, []int{1, 2}},
		{"comma in quotes", "\"a,b\",c\n", []string{"a,b|c"}, []int{1}},
		{"doubled quote", "\"a\"\"b\",c\nd,e\n", []string{`a"b|c`, "d|e"}, []int{1, 2}},
		{"line break in quotes", "\"a\nb\",c\n\nd,e", []string{"a\nb|c", "d|e"}, []int{1, 4}},
		{"bare quote", "a\"b,c\nd,e\n", []string{"! a field that is not quoted holds a quote: a\"b,c", "d|e"}, []int{1, 2}},
		{"text after quote", "\"a\"b,c\nd,e\n", []string{"! a quote is not closed, or text follows a closed one: \"a\"b,c", "d|e"}, []int{1, 2}},
		{"quote never closed", "a,b\n\"c,d\ne,f\n", []string{"a|b", "! a quote is not closed, or text follows a closed one: \"c,d", "e|f"}, []int{1, 2, 3}},
		{"too long", "a,b\n" + long + "x\nc,d\n", []string{"a|b", "! the row is longer than 1 MiB: " + long[:4<<10], "c|d"}, []int{1, 2, 3}},
		{"long", "a," + long[:MaxRow/2] + "\nc,d\n", []string{"a|" + long[:MaxRow/2], "c|d"}, []int{1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			readers := map[string]io.Reader{
				"whole":         strings.NewReader(c.text),
				"data with EOF": iotest.DataErrReader(strings.NewReader(c.text)),
			}
			if len(c.text) < 1000 {
				readers["byte by byte"] = iotest.OneByteReader(strings.NewReader(c.text))
			}
			for how, r := range readers {
				got, lines, err := rows(r)
				if err != io.EOF {
					t.Errorf("%s: ended with %v", how, err)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("%s: got %.300q, want %.300q", how, got, c.want)
				}
				if !slices.Equal(lines, c.lines) {
					t.Errorf("%s: got lines %v, want %v", how, lines, c.lines)
				}
			}
		})
	}
}

func TestReaderFails(t *testing.T) {
	broken := errors.New("connection lost")
	for text, want := range map[string][]string{
		"a,b\nc,d\n": {"a|b", "c|d"},
		"a,b\nc,":    {"a|b"},
		"a,b\n\"c":   {"a|b"},
		"":           nil,
	} {
		got, _, err := rows(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)))
		if err != broken || !slices.Equal(got, want) {
			t.Errorf("%q: got %q and %v", text, got, err)
		}
	}
	stuck := readerFunc(func([]byte) (int, error) { return 0, nil })
	if _, _, err := rows(stuck); err != io.ErrNoProgress {
		t.Errorf("a reader that never moves: got %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestOrdinaryRowsDoNotAllocate(t *testing.T) {
	text := strings.Repeat("\"bucket\",\"some/key\",\"123\"\nbucket,other/key,4\n", 2000)
	s := NewScanner(strings.NewReader(text))
	allocs := testing.AllocsPerRun(10, func() {
		s.Reset(strings.NewReader(text))
		for {
			if _, err := s.Next(); err != nil {
				if err != io.EOF {
					t.Fatal(err)
				}
				return
			}
		}
	})
	if allocs > 2 {
		t.Errorf("%v allocations for 4000 rows", allocs)
	}
}

// FuzzNext holds the Scanner to encoding/csv: the same rows up to its first
// error, and an error there.
func FuzzNext(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "\r", "a,b\n", "\"a\",\"b\"\r\n", "\"a\"\"b\",c\n", "\"a\nb\"\n", "\"a\r\nb\"\n",
		"a\"b\n", "\"a\"b\n", "\"a", "\"a\n\nb", ",\n,,", "\"\"\n\"\"\"\"", "a\rb\nc\r\r\n", "\xff\x00,\"\xfe\"",
		"\xef\xbb\xbfa,b\n", "\xef\xbb\xbf\"a\",b\n", "\xef\xbb", "\xef\xbb\xbf", "\xef\xbb\xbf\xef\xbb\xbfa\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) >= MaxRow {
			t.Skip("longer than a row may be")
		}
		want := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\xef\xbb\xbf")))
		want.FieldsPerRecord = -1
		got := NewScanner(iotest.HalfReader(strings.NewReader(text)))
		for n := 1; ; n++ {
			record, wantErr := want.Read()
			fields, gotErr := got.Next()
			if (wantErr == nil) != (gotErr == nil) || (wantErr == io.EOF) != (gotErr == io.EOF) {
				t.Fatalf("row %d: got %q, %v; want %q, %v", n, fields, gotErr, record, wantErr)
			}
			if wantErr != nil {
				break
			}
			if !slices.EqualFunc(record, fields, func(a string, b []byte) bool { return a == string(b) }) {
				t.Fatalf("row %d: got %q, want %q", n, fields, record)
			}
		}
		for n := 0; ; n++ { // it ends, whatever the text
			var bad *RowError
			if _, err := got.Next(); err != nil && !errors.As(err, &bad) {
				if err != io.EOF {
					t.Fatal(err)
				}
				break
			}
			if n > len(text) {
				t.Fatalf("%d rows of %d bytes", n, len(text))
			}
		}
	})
}
