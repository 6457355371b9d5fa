package sandbox

import (
	"cmp"
	"strings"
	"sync"
	"sync/atomic"
)

// faults are the rules in force. The zero value has none.
type faults struct {
	rules atomic.Pointer[[]*activeRule]
}

// activeRule is a rule with what it has seen.
type activeRule struct {
	Rule
	matched, applied atomic.Int64

	mu   sync.Mutex
	seen map[uint64]uint64 // how often, by what was asked for
}

// SetFaults puts rules in force in place of those before. Every rule that
// matches a request adds its latency; of other faults the first counts.
func (s *Server) SetFaults(rules ...Rule) {
	active := make([]*activeRule, len(rules))
	for i, r := range rules {
		active[i] = &activeRule{Rule: r, seen: map[uint64]uint64{}}
	}
	s.faults.rules.Store(&active)
}

// AddFaults puts rules in force after those there are.
func (s *Server) AddFaults(rules ...Rule) {
	for {
		old := s.faults.rules.Load()
		var active []*activeRule
		if old != nil {
			active = append(active, *old...)
		}
		for _, r := range rules {
			active = append(active, &activeRule{Rule: r, seen: map[uint64]uint64{}})
		}
		if s.faults.rules.CompareAndSwap(old, &active) {
			return
		}
	}
}

// Faults lists the rules in force.
func (s *Server) Faults() []Rule {
	rules := []Rule{}
	if active := s.faults.rules.Load(); active != nil {
		for _, r := range *active {
			rules = append(rules, r.Rule)
		}
	}
	return rules
}

// pick finds what goes wrong with a request; the zero Fault if nothing does.
func (f *faults) pick(e Exchange, part string) Fault {
	rules := f.rules.Load()
	if rules == nil {
		return Fault{}
	}
	var picked Fault
	for _, r := range *rules {
		if picked.Kind != "" && picked.Kind != Latency && r.Fault.Kind != Latency {
			continue
		}
		if !r.matches(e) || !r.fires(e, part) {
			continue
		}
		picked.Latency += r.Fault.Latency
		if picked.Kind == "" || picked.Kind == Latency {
			picked.Kind, picked.At = r.Fault.Kind, r.Fault.At
		}
	}
	return picked
}

func (r *activeRule) matches(e Exchange) bool {
	return is(r.Operation, e.Operation) && is(r.Method, e.Method) && is(r.Bucket, e.Bucket) &&
		strings.HasPrefix(e.Key, r.Prefix) && (r.Key == "" || glob(r.Key, e.Key))
}

func is(want, got string) bool { return want == "" || want == got }

// fires counts a matching request and tells whether it goes wrong.
func (r *activeRule) fires(e Exchange, part string) bool {
	n := r.matched.Add(1)
	if r.Nth > 0 && n != r.Nth || r.Every > 0 && n%r.Every != 0 {
		return false
	}
	if r.Probability > 0 && r.draw(e, part) >= r.Probability {
		return false
	}
	return r.applied.Add(1) <= cmp.Or(r.Times, 1<<62)
}

// draw gives a number from 0 to 1 that is the same in every run for the same
// request, asked for the same number of times.
func (r *activeRule) draw(e Exchange, part string) float64 {
	id := fnv(e.Operation, e.Bucket, e.Key, e.Range, part)
	r.mu.Lock()
	r.seen[id]++
	n := r.seen[id]
	r.mu.Unlock()
	return float64(mix(id^mix(r.Seed^mix(n)))>>11) / (1 << 53)
}
