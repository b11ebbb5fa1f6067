package httpclient

import "sync"

// userFraction is the part of a service's places that one user may hold, a
// quarter, so that nobody's slow requests take all of them.
const userFraction = 4

// bulkhead are the places of a service's calls in flight. Nobody waits for one: a
// queue would hold memory for callers who have given up.
type bulkhead struct {
	mu   sync.Mutex
	free int
	// perUser is how many one user may hold.
	perUser int
	byUser  map[string]int
}

func newBulkhead(all int) *bulkhead {
	return &bulkhead{free: all, perUser: max(all/userFraction, 1), byUser: map[string]int{}}
}

// acquire gets a place at once or not at all. Calls in nobody's name share the
// places without a bound of their own.
func (s *bulkhead) acquire(user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free == 0 || user != "" && s.byUser[user] >= s.perUser {
		return false
	}
	s.free--
	if user != "" {
		s.byUser[user]++
	}
	return true
}

// release returns a place that was taken.
func (s *bulkhead) release(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	if user == "" {
		return
	}
	s.byUser[user]--
	if s.byUser[user] == 0 {
		delete(s.byUser, user)
	}
}
