package main

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// discard throws n received bytes away without copying them out of the kernel:
// see MSG_TRUNC in tcp(7). room says how many at once; nothing is written to it.
func discard(conn *net.TCPConn, n int64, room []byte) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		for n > 0 {
			got, _, err := syscall.Recvfrom(int(fd), room[:min(n, int64(len(room)))], syscall.MSG_TRUNC)
			switch {
			case errors.Is(err, syscall.EAGAIN):
				return false
			case errors.Is(err, syscall.EINTR):
				continue
			case err != nil:
				failed = err
				return true
			case got == 0:
				failed = io.ErrUnexpectedEOF
				return true
			}
			n -= int64(got)
		}
		return true
	})
	return errors.Join(err, failed)
}
