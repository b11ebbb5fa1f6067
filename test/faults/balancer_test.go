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

	"github.com/huleedu/edge/test/harness"
)

// balancer is a TCP load balancer: each connection goes to the next node. Without
// probes it tries all nodes in order. With probes it connects only to a node that
// is ready, and closes the connection if that fails.
type balancer struct {
	listener net.Listener
	group    sync.WaitGroup
	cancel   context.CancelFunc // ends the probes

	mu    sync.Mutex
	nodes []string
	ready map[string]bool // nil without probes
	next  int
	open  map[net.Conn]bool
	ended bool
}

func newBalancer(t *testing.T, nodes ...string) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &balancer{listener: l, nodes: nodes, open: map[net.Conn]bool{}, cancel: func() {}}
	b.group.Go(b.accept)
	t.Cleanup(b.close)
	return b
}

// probePeriod is the interval of readiness probes, the minimum of Kubernetes.
const probePeriod = time.Second

// newProbingBalancer starts a balancer that probes the readiness of each node.
func newProbingBalancer(t *testing.T, nodes ...string) *balancer {
	t.Helper()
	b := newBalancer(t, nodes...)
	ctx, end := context.WithCancel(context.Background())
	b.mu.Lock()
	b.cancel, b.ready = end, map[string]bool{}
	b.mu.Unlock()
	b.group.Go(func() {
		for ; ctx.Err() == nil; sleep(ctx, probePeriod) {
			b.probe(ctx)
		}
	})
	return b
}

// probe requests the readiness of all nodes in parallel.
func (b *balancer) probe(ctx context.Context) {
	b.mu.Lock()
	nodes := slices.Clone(b.nodes)
	b.mu.Unlock()
	var asking sync.WaitGroup
	for _, node := range nodes {
		asking.Go(func() {
			status := harness.Readiness(ctx, node)
			b.mu.Lock()
			defer b.mu.Unlock()
			b.ready[node] = status == "ready" || status == "degraded"
		})
	}
	asking.Wait()
}

// isReady reports whether the last probe found the node ready.
func (b *balancer) isReady(node string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready[node]
}

func (b *balancer) url() string { return "ws://" + b.listener.Addr().String() + "/ws" }

func (b *balancer) http(path string) string { return "http://" + b.listener.Addr().String() + path }

// replace sets the address of a node.
func (b *balancer) replace(place int, node string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[place] = node
}

func (b *balancer) accept() {
	for {
		client, err := b.listener.Accept()
		if err != nil {
			return
		}
		server := b.dial()
		if server == nil {
			_ = client.Close()
			continue
		}
		if !b.track(client, server) {
			return
		}
		b.group.Go(func() { b.forward(client, server) })
		b.group.Go(func() { b.forward(server, client) })
	}
}

// dial connects to the next node. It returns nil if no node accepts.
func (b *balancer) dial() net.Conn {
	for _, node := range b.candidates() {
		if conn, err := net.DialTimeout("tcp", node, time.Second); err == nil {
			return conn
		}
	}
	return nil
}

// candidates returns the nodes to try, in order.
func (b *balancer) candidates() []string {
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

func (b *balancer) track(ends ...net.Conn) bool {
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

func (b *balancer) forward(to, from net.Conn) {
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
	b.cancel()
	for end := range b.open {
		_ = end.Close()
	}
	b.mu.Unlock()
	b.group.Wait()
}

// sleep waits for the duration or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
