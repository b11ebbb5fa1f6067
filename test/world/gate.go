package world

import (
	"net"
	"sync"
)

// gateState is what a gate does with the connections behind it.
type gateState int

const (
	gateOpen gateState = iota
	gateHung
	gateCut
)

// gate stands between an embedded server and its clients, so that a test can
// take the server away without losing what the server holds.
type gate struct {
	mu    sync.Mutex
	state gateState
	// moved is closed and renewed at each change of state.
	moved chan struct{}
	conns map[net.Conn]struct{}
}

func newGate() *gate {
	return &gate{moved: make(chan struct{}), conns: map[net.Conn]struct{}{}}
}

// set moves the gate; cutting it closes what is open.
func (g *gate) set(s gateState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state = s
	close(g.moved)
	g.moved = make(chan struct{})
	if s != gateCut {
		return
	}
	for c := range g.conns {
		_ = c.Close()
	}
	clear(g.conns)
}

// pass waits while the gate hangs; false means that it is cut.
func (g *gate) pass() bool {
	for {
		g.mu.Lock()
		state, moved := g.state, g.moved
		g.mu.Unlock()
		if state != gateHung {
			return state == gateOpen
		}
		<-moved
	}
}

// listen is net.Listen behind the gate.
func (g *gate) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return gatedListener{l, g}, nil
}

type gatedListener struct {
	net.Listener
	gate *gate
}

// Accept takes the next connection. Behind a cut gate it is closed at once,
// which is as near to a refusal as a bound port can come.
func (l gatedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.gate.mu.Lock()
	defer l.gate.mu.Unlock()
	if l.gate.state == gateCut {
		_ = c.Close()
	} else {
		l.gate.conns[c] = struct{}{}
	}
	return &gatedConn{c, l.gate}, nil
}

type gatedConn struct {
	net.Conn
	gate *gate
}

// Read hands over what the client sent once the gate lets it through.
func (c *gatedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && !c.gate.pass() {
		return 0, net.ErrClosed
	}
	return n, err
}

// Close also forgets the connection.
func (c *gatedConn) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.conns, c.Conn)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}
