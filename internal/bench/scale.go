package main

import "time"

// scale says how much is measured.
type scale struct {
	pairs      int
	objects    int // of 10 KB
	inFlight   int // s3bundler's default
	firstByte  time.Duration
	medium     int // objects of mediumSize
	mediumSize int64
	large      int
	largeSize  int64
	text       int // objects of 10 KB that are compressed
	corpus     int // bytes of text that they are made of
	rows       int // of the inventory
	fewRows    int
	indexes    int // to be searched
	indexRows  int // of each
}

const (
	smallSize = 10 << 10
	// chunkBytes and partBytes are the product's GETs of ranges and its parts;
	// relayed is how many parts are on their way in the loop that does the
	// same, so that it has as much memory.
	chunkBytes = 8 << 20
	partBytes  = 16 << 20
	relayed    = 8
	dataFiles  = 16 // of the inventory
)

func full(pairs int) scale {
	return scale{
		pairs: pairs, objects: 65_000, inFlight: 256, firstByte: 30 * time.Millisecond,
		medium: 200, mediumSize: 20_000_000, large: 2, largeSize: 2_000_000_000,
		text: 32_000, corpus: 48 << 20, rows: 10_000_000, fewRows: 1_000_000,
		indexes: 1_000, indexRows: 65_000,
	}
}

// short is enough to find out whether all of it works.
func short() scale {
	return scale{
		pairs: 1, objects: 2_000, inFlight: 256, firstByte: 30 * time.Millisecond,
		medium: 4, mediumSize: 20_000_000, large: 1, largeSize: 50_000_000,
		text: 1_000, corpus: 4 << 20, rows: 100_000, fewRows: 10_000,
		indexes: 20, indexRows: 1_000,
	}
}
