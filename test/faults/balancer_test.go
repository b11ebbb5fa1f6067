package faults_test

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// balancer stands before the nodes as a load balancer does: each connection
// goes to the next node. One that does not watch the nodes' readiness tries them
// all; one that does sends to a ready one, whatever comes of it.
type balancer struct {
	listener net.Listener
	group    sync.WaitGroup
	end      context.CancelFunc // of the watching

	mu    sync.Mutex
	nodes []string
	ready map[string]bool // nil: nobody watches
	next  int
	open  map[net.Conn]bool
	ended bool
}

func balance(t *testing.T, nodes ...string) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &balancer{listener: l, nodes: nodes, open: map[net.Conn]bool{}, end: func() {}}
	b.group.Go(b.accept)
	t.Cleanup(b.close)
	return b
}

// probePeriod is how often a balancer asks, as Kubernetes can at most.
const probePeriod = time.Second

// watchful is a balancer that asks each node regularly whether it is ready.
func watchful(t *testing.T, nodes ...string) *balancer {
	t.Helper()
	b := balance(t, nodes...)
	ctx, end := context.WithCancel(context.Background())
	b.mu.Lock()
	b.end, b.ready = end, map[string]bool{}
	b.mu.Unlock()
	b.group.Go(func() {
		for ; ctx.Err() == nil; idle(ctx, probePeriod) {
			b.probe(ctx)
		}
	})
	return b
}

// probe asks all nodes at once.
func (b *balancer) probe(ctx context.Context) {
	b.mu.Lock()
	nodes := slices.Clone(b.nodes)
	b.mu.Unlock()
	var asking sync.WaitGroup
	for _, node := range nodes {
		asking.Go(func() {
			said := word(ctx, node)
			b.mu.Lock()
			defer b.mu.Unlock()
			b.ready[node] = said == "ready" || said == "degraded"
		})
	}
	asking.Wait()
}

// knows reports whether the balancer sends to the node.
func (b *balancer) knows(node string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready[node]
}

func (b *balancer) url() string { return "ws://" + b.listener.Addr().String() + "/ws" }

func (b *balancer) http(path string) string { return "http://" + b.listener.Addr().String() + path }

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

// dial connects to the node whose turn it is; nil: it does not accept.
func (b *balancer) dial() net.Conn {
	for _, node := range b.turn() {
		if conn, err := net.DialTimeout("tcp", node, time.Second); err == nil {
			return conn
		}
	}
	return nil
}

// turn is whom to try, in order.
func (b *balancer) turn() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := b.next % len(b.nodes)
	b.next++
	order := slices.Concat(b.nodes[first:], b.nodes[:first])
	if b.ready == nil {
		return order
	}
	order = slices.DeleteFunc(order, func(node string) bool { return !b.ready[node] })
	return order[:min(1, len(order))]
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
	b.end()
	for end := range b.open {
		_ = end.Close()
	}
	b.mu.Unlock()
	b.group.Wait()
}

// idle waits, but not beyond ctx.
func idle(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
