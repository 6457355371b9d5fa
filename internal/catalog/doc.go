// Package catalog keeps the keys of many indexes in one file, and finds among
// hundreds of millions of them by exact key, by prefix and by glob.
//
// The rows lie sorted by key in segments, each written in one go and never
// changed: blocks of rows whose keys share their beginnings, compressed; a list
// of the blocks' first keys; and signatures, which tell blocks that cannot
// hold a run of characters. A key is found by reading one block, a glob by
// reading those whose signature lets all its characters through.
//
// A B-tree would hold the same rows in five times the space, and sort them one
// by one. Here an update appends a segment with the rows it brings, and merges
// segments of like size once there are many. It is in force when the place of
// the new list of segments is written into the file's head, into the one of two
// slots that is older: a crash at any moment leaves the catalogue as it was.
// Readers need no lock, for what they have opened is never overwritten.
package catalog
