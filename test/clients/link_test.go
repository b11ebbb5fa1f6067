package clients_test

import (
	"net"
	"sync"
	"testing"

	"github.com/huleedu/edge/test/tcp"
)

// link is the network between clients and nodes. It forwards TCP connections to a node, and can
// break in the ways that networks do.
type link struct {
	*tcp.Proxy

	mu     sync.Mutex
	moves  *sync.Cond // is signalled when silent changes
	target string     // "" refuses connections
	silent bool       // nothing arrives, and connections stay open
}

func newLink(t *testing.T, target string) *link {
	t.Helper()
	k := &link{target: target}
	k.moves = sync.NewCond(&k.mu)
	k.Proxy = tcp.Forward(t, k.dial)
	t.Cleanup(func() { k.silence(false) })
	return k
}

// dial connects a client to the node.
func (k *link) dial(net.Conn) (net.Conn, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	far, err := net.Dial("tcp", k.target)
	return linkedConn{far, k}, err
}

// url returns the address for clients.
func (k *link) url() string { return "http://" + k.Addr }

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

// await waits while the link is silent.
func (k *link) await() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.silent {
		k.moves.Wait()
	}
}

// linkedConn is a connection to a node through the link.
type linkedConn struct {
	net.Conn
	link *link
}

// Read returns data of the node when the link lets it pass.
func (c linkedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.link.await()
	return n, err
}

// Write sends data to the node when the link lets it pass.
func (c linkedConn) Write(p []byte) (int, error) {
	c.link.await()
	return c.Conn.Write(p)
}
