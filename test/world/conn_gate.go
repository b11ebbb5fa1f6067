package world

import (
	"net"
	"sync"
)

// gateState selects how a gate treats its connections.
type gateState int

const (
	gateOpen gateState = iota
	gateStalled
	gateClosed
)

// connGate interrupts the connections of an embedded server. The server keeps its
// data meanwhile.
type connGate struct {
	mu    sync.Mutex
	state gateState
	// changed is closed and replaced at each change of state.
	changed chan struct{}
	conns   map[net.Conn]struct{}
}

func newConnGate() *connGate {
	return &connGate{changed: make(chan struct{}), conns: map[net.Conn]struct{}{}}
}

// set changes the state. gateClosed closes all open connections.
func (g *connGate) set(s gateState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state = s
	close(g.changed)
	g.changed = make(chan struct{})
	if s != gateClosed {
		return
	}
	for c := range g.conns {
		_ = c.Close()
	}
	clear(g.conns)
}

// pass waits while the state is gateStalled. It returns false if the state is gateClosed.
func (g *connGate) pass() bool {
	for {
		g.mu.Lock()
		state, changed := g.state, g.changed
		g.mu.Unlock()
		if state != gateStalled {
			return state == gateOpen
		}
		<-changed
	}
}

// listen calls net.Listen and wraps the listener.
func (g *connGate) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return gatedListener{l, g}, nil
}

type gatedListener struct {
	net.Listener
	gate *connGate
}

// Accept returns the next connection. In state gateClosed it closes the connection
// at once, because a bound port cannot refuse a connection.
func (l gatedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.gate.mu.Lock()
	defer l.gate.mu.Unlock()
	if l.gate.state == gateClosed {
		_ = c.Close()
	} else {
		l.gate.conns[c] = struct{}{}
	}
	return &gatedConn{c, l.gate}, nil
}

type gatedConn struct {
	net.Conn
	gate *connGate
}

// Read returns received data after the gate has let it pass.
func (c *gatedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && !c.gate.pass() {
		return 0, net.ErrClosed
	}
	return n, err
}

// Close closes the connection and removes it from the gate.
func (c *gatedConn) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.conns, c.Conn)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}
