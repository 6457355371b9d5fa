package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Counts are requests by what they cost, since they were last asked for.
type Counts struct {
	Gets  int64 `json:"gets"`  // GET, HEAD
	Puts  int64 `json:"puts"`  // PUT, POST
	Lists int64 `json:"lists"` // of a bucket, at the price of a PUT
	Bytes int64 `json:"bytes"` // of bodies sent
	// CPU is this process's processor time in nanoseconds.
	CPU int64 `json:"cpu"`
}

type server struct {
	pools map[string][]byte // by kind
	delay time.Duration     // before the first byte of every answer
	room  []byte            // for discard
	kept  *keeper

	gets, puts, lists, sent atomic.Int64

	mu      sync.RWMutex
	sources map[string]*source // by bucket
	shelves map[string]*shelf  // by bucket
}

func newServer(pools map[string][]byte, delay time.Duration) *server {
	return &server{pools: pools, delay: delay, room: make([]byte, 1<<20), kept: newKeeper(), sources: map[string]*source{}, shelves: map[string]*shelf{}}
}

// serve answers on every connection of ln until ln is closed, and closes them.
func (s *server) serve(ln net.Listener) error {
	var talks sync.WaitGroup
	defer talks.Wait()
	open := map[*net.TCPConn]bool{}
	var mu sync.Mutex
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		for c := range open {
			_ = c.Close()
		}
	}()
	for {
		c, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		conn := c.(*net.TCPConn)
		mu.Lock()
		open[conn] = true
		mu.Unlock()
		talks.Go(func() {
			s.talk(conn)
			mu.Lock()
			delete(open, conn)
			mu.Unlock()
		})
	}
}

// talk answers the requests of one connection, until it or a request breaks.
func (s *server) talk(conn *net.TCPConn) {
	defer conn.Close()
	a := &answer{in: &reader{conn: conn}, s: s}
	for {
		head, err := a.in.head()
		if err != nil {
			if !errors.Is(err, io.EOF) && errors.Is(err, errRequest) {
				_ = a.refuse("400 Bad Request", "BadRequest") // it is closed anyway
			}
			return
		}
		if a.parse(head) != nil {
			_ = a.refuse("400 Bad Request", "BadRequest")
			return
		}
		if s.delay > 0 {
			time.Sleep(s.delay)
		}
		if a.do() != nil {
			return
		}
	}
}

// source gives the generated objects of a bucket, which it makes the first
// time; nil if the bucket has none.
func (s *server) source(bucket []byte) *source {
	s.mu.RLock()
	found, known := s.sources[string(bucket)]
	s.mu.RUnlock()
	if known {
		return found
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := string(bucket)
	if found, known = s.sources[name]; known {
		return found
	}
	if kind, size, multipart, ok := parseSource(name); ok && s.pools[kind] != nil {
		found = newSource(s.pools[kind], size, multipart)
	}
	s.sources[name] = found
	return found
}

// shelf gives the generated indexes of a bucket, which it makes the first
// time; nil if the bucket has none.
func (s *server) shelf(bucket []byte) *shelf {
	if !bytes.HasPrefix(bucket, []byte("indexes-")) { // cheaper than a lock
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, known := s.shelves[string(bucket)]
	if rows, count, ok := parseShelf(string(bucket)); ok && !known {
		found = newShelf(rows, count)
		s.shelves[string(bucket)] = found
	}
	return found
}

// counts gives the counts and begins anew.
func (s *server) counts() Counts {
	return Counts{Gets: s.gets.Swap(0), Puts: s.puts.Swap(0), Lists: s.lists.Swap(0), Bytes: s.sent.Swap(0)}
}
