package delivery

import "sync"

// Admission limits the handshakes and sessions of a node, whose hubs share it, and counts
// them together with the background work of the hubs. Once a hub drains it admits nothing
// more. It is safe for concurrent use.
type Admission struct {
	limit int         // of handshakes and sessions; 0: none
	allow func() bool // limits handshakes by time

	mu       sync.Mutex
	sessions int           // handshakes and sessions
	work     int           // jobs in the background
	idle     chan struct{} // closed when both are 0; nil until close is called
}

// NewAdmission returns an admission of at most limit handshakes and sessions at the same
// time; 0 sets no limit. allow is called for each handshake, concurrently, and refuses it
// by returning false; nil refuses none.
func NewAdmission(limit int, allow func() bool) *Admission {
	return &Admission{limit: limit, allow: allow}
}

// Enter admits a handshake, or returns false when a limit is reached or a hub
// drains. After true, Leave must be called once, at the end of the handshake or of
// its session.
func (a *Admission) Enter() bool {
	if a.allow != nil && !a.allow() {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.idle != nil || a.limit > 0 && a.sessions >= a.limit {
		return false
	}
	a.sessions++
	return true
}

// Leave undoes Enter.
func (a *Admission) Leave() { a.add(-1, 0) }

// BeginWork counts work that a drain must await and that the limit does not count. It
// is called before Leave by a handshake or session, or by other work. EndWork must be
// called once.
func (a *Admission) BeginWork() { a.add(0, 1) }

// EndWork undoes BeginWork.
func (a *Admission) EndWork() { a.add(0, -1) }

func (a *Admission) add(sessions, work int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sessions += sessions
	a.work += work
	a.signal()
}

// signal closes idle, once, when nothing is left.
func (a *Admission) signal() {
	if a.idle == nil || a.sessions > 0 || a.work > 0 {
		return
	}
	select {
	case <-a.idle: // work that a session began when it ended
	default:
		close(a.idle)
	}
}

// close ends the admission. The returned channel is closed when nothing is left.
func (a *Admission) close() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.idle == nil {
		a.idle = make(chan struct{})
		a.signal()
	}
	return a.idle
}

// isOpen reports whether close was not called yet.
func (a *Admission) isOpen() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.idle == nil
}
