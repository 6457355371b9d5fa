// Package archive turns a sequence of objects into the bytes of one tar file,
// plain or compressed in gzip blocks, and says where each object lies in it.
//
// A block is one gzip member or a run of them (RFC 1952, section 2.2: a file
// is a series of members), and starts at a tar header. gunzip and tar read the
// file like any other; who knows an object's place needs its block alone.
package archive
