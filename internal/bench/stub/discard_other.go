//go:build !linux

package main

import (
	"io"
	"net"
)

// discard reads n bytes to room, over and over.
func discard(conn *net.TCPConn, n int64, room []byte) error {
	for n > 0 {
		got, err := conn.Read(room[:min(n, int64(len(room)))])
		if n -= int64(got); err == io.EOF && n > 0 {
			return io.ErrUnexpectedEOF
		}
		if err != nil && n > 0 {
			return err
		}
	}
	return nil
}
