// Package http1 sends requests over kept HTTP/1.1 connections (RFC 9112), each
// in the goroutine that asks: no other one reads its answer or, but for a large
// body, writes it.
//
// net/http has two goroutines for each connection, which every request wakes.
// For an answer of a few kilobytes that costs more than all else a client does.
package http1
