package httpclient

import "sync"

// userShare is the part of a service's places that one user may hold, a
// quarter, so that nobody's slow requests take all of them.
const userShare = 4

// slots are the places of a service's calls in flight. Nobody waits for one: a
// queue would hold memory for callers who have given up.
type slots struct {
	mu   sync.Mutex
	free int
	// each is how many one user may hold.
	each int
	held map[string]int
}

func newSlots(all int) *slots {
	return &slots{free: all, each: max(all/userShare, 1), held: map[string]int{}}
}

// take gets a place at once or not at all. Calls in nobody's name share the
// places without a bound of their own.
func (s *slots) take(user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free == 0 || user != "" && s.held[user] >= s.each {
		return false
	}
	s.free--
	if user != "" {
		s.held[user]++
	}
	return true
}

// give returns a place that was taken.
func (s *slots) give(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	if user == "" {
		return
	}
	s.held[user]--
	if s.held[user] == 0 {
		delete(s.held, user)
	}
}
