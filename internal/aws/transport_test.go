package aws

import (
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestStalledConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		conn := &stalls{Conn: near}
		defer conn.Close()
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for range 3 {
				time.Sleep(stallTimeout - time.Second)
				if _, err := far.Write([]byte("x")); err != nil {
					t.Error(err)
				}
			}
		}()
		begin := time.Now()
		n, err := io.Copy(io.Discard, conn)
		if n != 3 || !os.IsTimeout(err) {
			t.Errorf("%d bytes, error %v; want 3 and a timeout", n, err)
		}
		if got, want := time.Since(begin), 3*(stallTimeout-time.Second)+stallTimeout; got != want {
			t.Errorf("ended after %s, want %s", got, want)
		}
		<-sent
	})
}

// A request that is sent on a connection long idle has all of stallTimeout to
// be answered.
func TestWriteGivesTheAnswerTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		conn := &stalls{Conn: near}
		defer conn.Close()
		read := make(chan error, 1)
		go func() {
			_, err := conn.Read(make([]byte, 1))
			read <- err
		}()
		time.Sleep(stallTimeout - time.Second)
		go func() {
			if _, err := io.ReadFull(far, make([]byte, 4)); err != nil {
				t.Error(err)
			}
			time.Sleep(stallTimeout - time.Second)
			if _, err := far.Write([]byte("x")); err != nil {
				t.Error(err)
			}
		}()
		if _, err := conn.Write([]byte("GET ")); err != nil {
			t.Fatal(err)
		}
		if err := <-read; err != nil {
			t.Errorf("the answer was not waited for: %v", err)
		}
	})
}
