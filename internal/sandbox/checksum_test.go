package sandbox

import (
	"testing"
)

func FuzzCombine(f *testing.F) {
	f.Add([]byte("a"), []byte("bc"), []byte(""))
	f.Add([]byte(""), []byte("123456789"), []byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		for _, algorithm := range []string{"CRC64NVME", "CRC32", "CRC32C"} {
			sum := func(parts ...[]byte) string {
				h := newHash(algorithm)
				for _, p := range parts {
					h.Write(p)
				}
				return encodeSum(h.Sum(nil))
			}
			got, ok := combineSums(algorithm, []string{sum(a), sum(b), sum(c)}, []int64{int64(len(a)), int64(len(b)), int64(len(c))})
			if want := sum(a, b, c); !ok || got != want {
				t.Errorf("%s: %s, want %s", algorithm, got, want)
			}
		}
	})
}

func TestCombineOnlyCRCs(t *testing.T) {
	if _, ok := combineSums("SHA256", []string{"AA=="}, []int64{1}); ok {
		t.Error("SHA256 cannot be combined")
	}
	if _, ok := combineSums("CRC32", []string{"AA=="}, []int64{1}); ok {
		t.Error("a CRC32 has four bytes")
	}
}

// The check values of the catalogue of parametrised CRC algorithms, and those
// of the SHS and the like, for "123456789".
func TestAlgorithms(t *testing.T) {
	for algorithm, want := range map[string]string{
		"CRC64NVME": "rosUhgp5mIg=", // 0xAE8B14860A799888
		"CRC32":     "y/Q5Jg==",     // 0xCBF43926
		"CRC32C":    "4waSgw==",     // 0xE3069283
		"SHA1":      "98O8HYCOBHMq32eZZczDTKeuNEE=",
		"SHA256":    "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
	} {
		h := newHash(algorithm)
		h.Write([]byte("123456789"))
		if got := encodeSum(h.Sum(nil)); got != want {
			t.Errorf("%s: %s, want %s", algorithm, got, want)
		}
	}
}
