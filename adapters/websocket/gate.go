package websocket

import "sync"

// gate counts what goes on inside: handshakes, sessions, refusals. Once shut
// it lets nobody in and tells when the last has left.
type gate struct {
	// most is how many may be inside, work aside; 0 sets no limit.
	most int

	mu       sync.Mutex
	inside   int
	refusing int           // handshakes that are upgraded only to be refused
	aside    int           // of them, work that no socket waits for, and refusals
	empty    chan struct{} // nil while the gate is open
}

// enter reports whether there is still entry; leave is then owed once.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.empty != nil || g.most > 0 && g.inside-g.aside >= g.most {
		return false
	}
	g.inside++
	return true
}

// also counts work on behalf of somebody inside, who need not wait for it;
// done is owed for it.
func (g *gate) also() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside++
	g.aside++
}

func (g *gate) done() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.aside--
	g.depart()
}

// setAside stops counting one who is inside against the limit, because the
// handshake is only refused. It returns false when the given number of such
// handshakes is inside. leaveAside or unsetAside must follow.
func (g *gate) setAside(most int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refusing >= most {
		return false
	}
	g.refusing++
	g.aside++
	return true
}

// unsetAside undoes setAside.
func (g *gate) unsetAside() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusing--
	g.aside--
}

// leaveAside is leave after setAside.
func (g *gate) leaveAside() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusing--
	g.aside--
	g.depart()
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.depart()
}

func (g *gate) depart() {
	g.inside--
	if g.empty != nil && g.inside == 0 {
		close(g.empty)
	}
}

// shut ends the entry. The channel is closed when nobody is inside.
func (g *gate) shut() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.empty == nil {
		g.empty = make(chan struct{})
		if g.inside == 0 {
			close(g.empty)
		}
	}
	return g.empty
}

func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.empty == nil
}
