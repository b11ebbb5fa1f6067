package clients_test

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// link is the network between clients and nodes. It forwards TCP connections to a node, and can
// break in the ways that networks do.
type link struct {
	listener net.Listener
	group    sync.WaitGroup

	mu      sync.Mutex
	moves   *sync.Cond // is signalled when silent or closed changes
	target  string     // "" refuses connections
	silent  bool       // nothing arrives, and connections stay open
	closed  bool
	streams []net.Conn
}

func newLink(t *testing.T, target string) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	k := &link{listener: l, target: target}
	k.moves = sync.NewCond(&k.mu)
	k.group.Go(k.accept)
	t.Cleanup(func() {
		k.set(func() { k.closed = true })
		_ = l.Close()
		k.cut()
		k.group.Wait()
	})
	return k
}

// url returns the address for clients.
func (k *link) url() string { return "http://" + k.listener.Addr().String() }

// set changes the link.
func (k *link) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
	k.moves.Broadcast()
}

// point connects new connections to another node; "" refuses them.
func (k *link) point(target string) { k.set(func() { k.target = target }) }

// silence stops all data, or lets it flow again.
func (k *link) silence(on bool) { k.set(func() { k.silent = on }) }

// cut closes all connections.
func (k *link) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.streams {
		_ = c.Close()
	}
	k.streams = nil
}

func (k *link) accept() {
	for {
		near, err := k.listener.Accept()
		if err != nil {
			return
		}
		k.group.Go(func() { k.connect(near) })
	}
}

// connect forwards one connection.
func (k *link) connect(near net.Conn) {
	k.mu.Lock()
	target := k.target
	k.mu.Unlock()
	far, err := net.Dial("tcp", target)
	if err != nil {
		_ = near.Close()
		return
	}
	k.mu.Lock()
	k.streams = append(k.streams, near, far)
	if k.closed {
		_, _ = near.Close(), far.Close()
	}
	k.mu.Unlock()
	k.group.Go(func() { k.forward(near, far) })
	k.forward(far, near)
}

// forward copies one direction until it ends.
func (k *link) forward(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		k.mu.Lock()
		for k.silent && !k.closed {
			k.moves.Wait()
		}
		k.mu.Unlock()
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
