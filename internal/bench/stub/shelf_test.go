package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"s3bundler/internal/fetch"
	"s3bundler/internal/index"
	"s3bundler/internal/object"
	"s3bundler/internal/store"
)

// TestShelf reads generated indexes as the product does: whole and by ranges,
// with rows that differ from index to index.
func TestShelf(t *testing.T) {
	s, _ := start(t, "")
	const bucket = "indexes-1000-600"
	var indexes, archives []object.Object
	for o, err := range s.List(t.Context(), object.Location{Bucket: bucket, Key: "archive/"}) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(o.Key, ".index") {
			indexes = append(indexes, o)
		} else {
			archives = append(archives, o)
		}
	}
	if len(indexes) != 600 || len(archives) != 600 || !slices.IsSortedFunc(indexes, func(a, b object.Object) int { return strings.Compare(a.Key, b.Key) }) {
		t.Fatalf("%d indexes, %d archives", len(indexes), len(archives))
	}
	o := indexes[517]
	body, _, err := fetch.Stream(t.Context(), s, o) // checks its checksum
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(body)
	body.Close()
	if err != nil || int64(len(whole)) != o.Size {
		t.Fatalf("%d bytes of %d, %v", len(whole), o.Size, err)
	}
	n := 0
	for row, err := range index.Read(bytes.NewReader(whole)) {
		if want := fmt.Sprintf("logs/0517/obj-%08d.bin", n); err != nil || row.Key != want || row.Place == nil || row.CRC64NVME == "" {
			t.Fatalf("row %d: %+v, %v", n, row, err)
		}
		n++
	}
	if n != 1000 {
		t.Errorf("%d rows", n)
	}
	// Ranges begin and end at every place in a number.
	at := int64(bytes.Index(whole[chunk/2:], []byte("logs/0517/"))) + chunk/2
	for from := at; from < at+12; from++ {
		for to := from + 1; to < from+12; to++ {
			part := make([]byte, to-from)
			if _, err := fetch.ReadRange(t.Context(), s, o, from, part, fetch.Options{Limiter: fetch.NewLimiter(1), Stats: &fetch.Stats{}}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(part, whole[from:to]) {
				t.Fatalf("bytes %d to %d are %q, want %q", from, to, part, whole[from:to])
			}
		}
	}
	if _, err := s.Head(t.Context(), object.At(object.Location{Bucket: bucket, Key: "archive/000205/source/other-0517.index"})); err == nil {
		t.Error("it has an index under any name")
	}
}

func TestLists(t *testing.T) {
	s, _ := start(t, "")
	for _, key := range []string{"b/2", "b/1", "a & <b>", "c"} {
		if _, err := s.Put(t.Context(), object.Location{Bucket: "x", Key: key}, []byte(key), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, want := range map[string][]string{"": {"a & <b>", "b/1", "b/2", "c"}, "b/": {"b/1", "b/2"}, "d": nil} {
		var got []string
		for o, err := range s.List(t.Context(), object.Location{Bucket: "x", Key: prefix}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, o.Key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("below %q: %q, want %q", prefix, got, want)
		}
	}
}
