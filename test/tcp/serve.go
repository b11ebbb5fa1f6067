// Package tcp serves and forwards TCP connections for tests.
package tcp

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Serve calls handle for each connection on a free port, each on a goroutine, and closes the connection when handle
// returns. It returns host:port. The end of the test closes all connections and waits for handle.
func Serve(tb testing.TB, handle func(net.Conn)) (addr string) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	var group sync.WaitGroup
	var open connections
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer open.end(c)
				if open.add(c) {
					handle(c)
				}
			})
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		open.closeAll(true)
		group.Wait()
	})
	return l.Addr().String()
}

// connections are open connections.
type connections struct {
	mu    sync.Mutex
	open  map[net.Conn]bool
	ended bool
}

// add returns false after the end of the test.
func (c *connections) add(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[net.Conn]bool{}
	}
	for _, conn := range conns {
		c.open[conn] = true
	}
	return !c.ended
}

// end closes connections.
func (c *connections) end(conns ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close()
		delete(c.open, conn)
	}
}

// closeAll closes all connections, and those that are added later if this is the end of the test.
func (c *connections) closeAll(end bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = c.ended || end
	for conn := range c.open {
		_ = conn.Close()
	}
}
