package websocket

import "sync"

// admission counts handshakes, sessions, refusals and background work. After close
// it admits nothing more and tells when the count is zero. It is safe for concurrent
// use.
type admission struct {
	// limit is how many handshakes and sessions are admitted; 0 sets no limit.
	limit int

	mu        sync.Mutex
	active    int           // everything that is counted
	refusing  int           // handshakes that are upgraded only to be refused
	uncounted int           // the part of active that does not count against the limit
	idle      chan struct{} // closed when active is 0; nil until close is called
}

// enter admits a handshake. After true, leave or endRefusal must be called once.
func (g *admission) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle != nil || g.limit > 0 && g.active-g.uncounted >= g.limit {
		return false
	}
	g.active++
	return true
}

// addWork counts background work of something that is admitted. It does not count
// against the limit. workDone must be called once.
func (g *admission) addWork() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.active++
	g.uncounted++
}

// workDone undoes addWork.
func (g *admission) workDone() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.uncounted--
	g.remove()
}

// beginRefusal stops counting an admitted handshake against the limit, because it is
// only refused. It returns false when the given number of such handshakes exists.
// After true, endRefusal or cancelRefusal must be called once.
func (g *admission) beginRefusal(most int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refusing >= most {
		return false
	}
	g.refusing++
	g.uncounted++
	return true
}

// cancelRefusal undoes beginRefusal.
func (g *admission) cancelRefusal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusing--
	g.uncounted--
}

// endRefusal is leave after beginRefusal.
func (g *admission) endRefusal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusing--
	g.uncounted--
	g.remove()
}

// leave undoes enter.
func (g *admission) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove()
}

func (g *admission) remove() {
	g.active--
	if g.idle != nil && g.active == 0 {
		close(g.idle)
	}
}

// close ends the admission. The returned channel is closed when the count is zero.
func (g *admission) close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle == nil {
		g.idle = make(chan struct{})
		if g.active == 0 {
			close(g.idle)
		}
	}
	return g.idle
}

// isOpen reports whether close was not called yet.
func (g *admission) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.idle == nil
}
