package websocket

import "sync"

// admission counts what goes on inside: handshakes, sessions, refusals. Once shut
// it lets nobody in and tells when the last has left.
type admission struct {
	// limit is how many may be inside, work aside; 0 sets no limit.
	limit int

	mu        sync.Mutex
	active    int
	refusing  int           // handshakes that are upgraded only to be refused
	uncounted int           // of them, work that no socket waits for, and refusals
	idle      chan struct{} // nil while the gate is open
}

// enter reports whether there is still entry; leave is then owed once.
func (g *admission) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle != nil || g.limit > 0 && g.active-g.uncounted >= g.limit {
		return false
	}
	g.active++
	return true
}

// addWork counts work on behalf of somebody inside, who need not wait for it;
// done is owed for it.
func (g *admission) addWork() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.active++
	g.uncounted++
}

func (g *admission) workDone() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.uncounted--
	g.remove()
}

// beginRefusal stops counting one who is inside against the limit, because the
// handshake is only refused. It returns false when the given number of such
// handshakes is inside. leaveAside or unsetAside must follow.
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

// cancelRefusal undoes setAside.
func (g *admission) cancelRefusal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusing--
	g.uncounted--
}

// endRefusal is leave after setAside.
func (g *admission) endRefusal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusing--
	g.uncounted--
	g.remove()
}

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

// close ends the entry. The channel is closed when nobody is inside.
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

func (g *admission) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.idle == nil
}
