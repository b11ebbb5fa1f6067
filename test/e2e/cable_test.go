package e2e_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// cable stands between a service and a server, and can be cut.
type cable struct {
	listener net.Listener
	target   string
	group    sync.WaitGroup

	mu    sync.Mutex
	ends  []net.Conn
	ended bool
}

func newCable(t *testing.T, server string) *cable {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{listener: l, target: u.Host}
	c.group.Go(c.accept)
	t.Cleanup(func() {
		c.mu.Lock()
		c.ended = true
		c.mu.Unlock()
		_ = l.Close()
		c.cut()
		c.group.Wait()
	})
	return c
}

func (c *cable) url() string { return "redis://" + c.listener.Addr().String() }

func (c *cable) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.target)
		if err != nil || !c.join(near, far) {
			_ = near.Close()
			continue
		}
		c.group.Go(func() { pass(near, far) })
		c.group.Go(func() { pass(far, near) })
	}
}

func (c *cable) join(ends ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ends = append(c.ends, ends...)
		return true
	}
	for _, end := range ends {
		_ = end.Close()
	}
	return false
}

func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

// cut ends every connection; new ones are let through.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range c.ends {
		_ = end.Close()
	}
	c.ends = nil
}
