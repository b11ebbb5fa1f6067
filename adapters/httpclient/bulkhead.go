package httpclient

import "sync"

// userFraction is the divisor of a service's slots that one user may hold: a quarter, so
// that the slow requests of one user do not take all of them.
const userFraction = 4

// bulkhead limits the calls in flight to one service. Callers do not wait for a slot: a queue
// would hold memory for callers that have given up.
type bulkhead struct {
	all  int // slots
	mu   sync.Mutex
	free int
	// perUser is how many slots one user may hold.
	perUser int
	byUser  map[string]int
}

func newBulkhead(all int) *bulkhead {
	return &bulkhead{all: all, free: all, perUser: max(all/userFraction, 1), byUser: map[string]int{}}
}

// acquire takes a slot and reports whether one was free. Calls without a user have no limit
// of their own.
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

// release releases a slot that was acquired.
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

// inFlight returns the number of slots that are taken.
func (s *bulkhead) inFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all - s.free
}
