package sandbox

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestChunked(t *testing.T) {
	for _, c := range []struct {
		name, encoded string
		signed        bool
		body, failure string
	}{
		{"one chunk", "5\r\nhello\r\n0\r\n\r\n", false, "hello", ""},
		{"two chunks", "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", false, "hello", ""},
		{"capitals", "A\r\n0123456789\r\n0\r\n\r\n", false, "0123456789", ""},
		{"empty", "0\r\n\r\n", false, "", ""},
		{"trailer", "1\r\nx\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n", false, "x", ""},
		{"signed", "1;chunk-signature=0\r\nx\r\n0;chunk-signature=0\r\n\r\n", true, "x", ""},
		{"line ends without returns", "1\nx\n0\n\n", false, "x", ""},
		{"no last empty line", "1\r\nx\r\n0\r\n", false, "x", ""},
		{"not signed", "1\r\nx\r\n0\r\n\r\n", true, "", "not signed"},
		{"ends in a chunk", "5\r\nhel", false, "hel", "EOF"},
		{"ends after a chunk", "3\r\nhel\r\n", false, "hel", "EOF"},
		{"longer than it says", "2\r\nhel\r\n0\r\n\r\n", false, "he", "longer"},
		{"no length", "x\r\n", false, "", "no length"},
		{"negative", "-1\r\n", false, "", "no length"},
		{"huge", "ffffffffffffffffff\r\n", false, "", "no length"},
		{"long line", strings.Repeat("0", 5000) + "\r\n", false, "", "too long"},
		{"trailer without a colon", "0\r\nnonsense\r\n\r\n", false, "", "colon"},
		{"endless trailer", "0\r\n" + strings.Repeat("a:b\r\n", 20) + "\r\n", false, "", "trailer is too long"},
	} {
		for _, in := range []io.Reader{strings.NewReader(c.encoded), iotest.OneByteReader(strings.NewReader(c.encoded))} {
			r := newChunkReader(in, c.signed, nil)
			got, err := io.ReadAll(r)
			if string(got) != c.body || (err == nil) != (c.failure == "") || err != nil && !strings.Contains(err.Error(), c.failure) {
				t.Errorf("%s: %q, %v; want %q, %s", c.name, got, err, c.body, c.failure)
			}
			if c.name == "trailer" && r.trailer.Get("x-amz-checksum-crc32") != "AAAA" {
				t.Errorf("trailer %v", r.trailer)
			}
		}
	}
}

func FuzzChunkedRoundTrip(f *testing.F) {
	f.Add("hello", uint8(2), "AAAA")
	f.Add("", uint8(1), "")
	f.Fuzz(func(t *testing.T, body string, size uint8, trailer string) {
		if size == 0 || len(body) > 4096 || strings.ContainsAny(trailer, "\r\n") || trailer != strings.TrimSpace(trailer) || len(trailer) > 1000 {
			return
		}
		var b strings.Builder
		for rest := body; rest != ""; {
			n := min(int(size), len(rest))
			fmt.Fprintf(&b, "%x\r\n%s\r\n", n, rest[:n])
			rest = rest[n:]
		}
		fmt.Fprintf(&b, "0\r\nname:%s\r\n\r\n", trailer)
		r := newChunkReader(strings.NewReader(b.String()), false, nil)
		got, err := io.ReadAll(r)
		if err != nil || string(got) != body || r.trailer.Get("name") != trailer {
			t.Fatalf("%q, %q, %v", got, r.trailer.Get("name"), err)
		}
	})
}

func FuzzChunkedAnything(f *testing.F) {
	f.Add("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n")
	f.Add("1;chunk-signature=00\r\nx\r\n0;chunk-signature=00\r\n\r\n")
	f.Fuzz(func(t *testing.T, encoded string) {
		got, _ := io.ReadAll(newChunkReader(strings.NewReader(encoded), false, nil))
		if len(got) > len(encoded) {
			t.Fatalf("%d bytes of %d", len(got), len(encoded))
		}
	})
}
