package demonstration

import (
	"context"
	"io"
	"net"
	"sync"
)

// balancer is a TCP relay on loopback. It stands for the load balancer in front of the nodes.
type balancer struct {
	listener net.Listener
	cancel   context.CancelFunc // ends the dials
	// target returns the address for a new connection.
	target func() string

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil after close
	work  sync.WaitGroup
}

// startBalancer starts a relay on a free port. The caller must call close.
func startBalancer(target func() string) (*balancer, error) {
	listener, err := net.Listen("tcp", anyPort)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &balancer{listener: listener, cancel: cancel, target: target, conns: map[net.Conn]struct{}{}}
	b.work.Go(func() { b.accept(ctx) })
	return b, nil
}

// url returns the base URL of the services behind the relay.
func (b *balancer) url() string { return "http://" + b.listener.Addr().String() }

// accept relays connections until the listener is closed.
func (b *balancer) accept(ctx context.Context) {
	for {
		client, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.work.Go(func() { b.relay(ctx, client) })
	}
}

// relay copies bytes in both directions until one side ends.
func (b *balancer) relay(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	node, err := (&net.Dialer{}).DialContext(ctx, "tcp", b.target())
	if err != nil {
		return
	}
	defer func() { _ = node.Close() }()
	if !b.add(client, node) {
		return
	}
	defer b.remove(client, node)
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, node) // ends when the node or the client has left
		_ = client.Close()
	})
	_, _ = io.Copy(node, client)
	_ = node.Close()
	back.Wait()
}

// add registers connections. It returns false after close.
func (b *balancer) add(conns ...net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conns == nil {
		return false
	}
	for _, c := range conns {
		b.conns[c] = struct{}{}
	}
	return true
}

func (b *balancer) remove(conns ...net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range conns {
		delete(b.conns, c)
	}
}

// close closes all connections and waits for the end of the relay.
func (b *balancer) close() {
	_ = b.listener.Close()
	b.cancel()
	b.mu.Lock()
	for c := range b.conns {
		_ = c.Close()
	}
	b.conns = nil
	b.mu.Unlock()
	b.work.Wait()
}
