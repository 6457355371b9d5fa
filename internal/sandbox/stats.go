package sandbox

import "sync/atomic"

// Stats are counts since the start or the last ResetStats.
type Stats struct {
	// Requests are by operation. What is no operation counts under "".
	Requests map[string]int64 `json:"requests"`
	// Faults are those injected, by kind.
	Faults map[Kind]int64 `json:"faults"`
}

// counters has one counter for each name, all made in prepare, so that
// counting takes no lock.
type counters struct {
	requests map[string]*atomic.Int64
	faults   map[Kind]*atomic.Int64
}

func (c *counters) prepare(routes map[string]handlerFunc) {
	c.requests = map[string]*atomic.Int64{"": {}, "NotImplemented": {}}
	for op := range routes {
		c.requests[op] = new(atomic.Int64)
	}
	c.faults = map[Kind]*atomic.Int64{}
	for _, k := range kinds() {
		c.faults[k] = new(atomic.Int64)
	}
}

func (c *counters) request(op string) {
	if n := c.requests[op]; n != nil {
		n.Add(1)
	}
}

func (c *counters) fault(k Kind) {
	if n := c.faults[k]; n != nil {
		n.Add(1)
	}
}

// Stats gives the counts. Names that were never counted are left out.
func (s *Server) Stats() Stats {
	st := Stats{Requests: map[string]int64{}, Faults: map[Kind]int64{}}
	for name, n := range s.counts.requests {
		if v := n.Load(); v > 0 {
			st.Requests[name] = v
		}
	}
	for name, n := range s.counts.faults {
		if v := n.Load(); v > 0 {
			st.Faults[name] = v
		}
	}
	return st
}

// ResetStats counts from zero again.
func (s *Server) ResetStats() {
	for _, n := range s.counts.requests {
		n.Store(0)
	}
	for _, n := range s.counts.faults {
		n.Store(0)
	}
}
