package faults_test

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// balancer stands before the nodes as a load balancer does: each connection
// goes to the next node that accepts it.
type balancer struct {
	listener net.Listener
	group    sync.WaitGroup

	mu    sync.Mutex
	nodes []string
	next  int
	open  map[net.Conn]bool
	ended bool
}

func balance(t *testing.T, nodes ...string) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &balancer{listener: l, nodes: nodes, open: map[net.Conn]bool{}}
	b.group.Go(b.accept)
	t.Cleanup(b.close)
	return b
}

func (b *balancer) url() string { return "ws://" + b.listener.Addr().String() + "/ws" }

// replace puts another node in a place.
func (b *balancer) replace(place int, node string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[place] = node
}

func (b *balancer) accept() {
	for {
		near, err := b.listener.Accept()
		if err != nil {
			return
		}
		far := b.dial()
		if far == nil {
			_ = near.Close()
			continue
		}
		if !b.hold(near, far) {
			return
		}
		b.group.Go(func() { b.pass(near, far) })
		b.group.Go(func() { b.pass(far, near) })
	}
}

// dial tries every node once, from the next on; nil: none accepts.
func (b *balancer) dial() net.Conn {
	b.mu.Lock()
	first := b.next % len(b.nodes)
	b.next++
	order := slices.Concat(b.nodes[first:], b.nodes[:first])
	b.mu.Unlock()
	for _, node := range order {
		if conn, err := net.DialTimeout("tcp", node, time.Second); err == nil {
			return conn
		}
	}
	return nil
}

func (b *balancer) hold(ends ...net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, end := range ends {
		b.open[end] = true
		if b.ended {
			_ = end.Close()
		}
	}
	return !b.ended
}

func (b *balancer) pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, to)
}

func (b *balancer) close() {
	_ = b.listener.Close()
	b.mu.Lock()
	b.ended = true
	for end := range b.open {
		_ = end.Close()
	}
	b.mu.Unlock()
	b.group.Wait()
}
