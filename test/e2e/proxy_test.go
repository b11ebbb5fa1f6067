package e2e_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy forwards TCP connections to a server and can close them.
type proxy struct {
	listener net.Listener
	target   string
	group    sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn
	closed bool
}

func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &proxy{listener: l, target: u.Host}
	c.group.Go(c.accept)
	t.Cleanup(func() {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		_ = l.Close()
		c.closeAll()
		c.group.Wait()
	})
	return c
}

func (c *proxy) url() string { return "redis://" + c.listener.Addr().String() }

func (c *proxy) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.target)
		if err != nil || !c.add(near, far) {
			_ = near.Close()
			continue
		}
		c.group.Go(func() { forward(near, far) })
		c.group.Go(func() { forward(far, near) })
	}
}

func (c *proxy) add(ends ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.conns = append(c.conns, ends...)
		return true
	}
	for _, end := range ends {
		_ = end.Close()
	}
	return false
}

func forward(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

// closeAll closes all connections; new ones are forwarded.
func (c *proxy) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range c.conns {
		_ = end.Close()
	}
	c.conns = nil
}
