package main

import (
	"math/rand/v2"
	"os"
)

// poolSize is the bytes that all content is cut from. It is much more than
// gzip's window, and than a processor's cache.
const poolSize = 64 << 20

// binPool does not compress.
func binPool() []byte {
	b := make([]byte, poolSize)
	// A ChaCha8 never fails.
	_, _ = rand.NewChaCha8([32]byte{'s', '3'}).Read(b)
	return b
}

// textPool is the text in a file, again and again.
func textPool(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, poolSize)
	for len(text) > 0 && len(b) < poolSize {
		b = append(b, text[:min(len(text), poolSize-len(b))]...)
	}
	return b, nil
}
