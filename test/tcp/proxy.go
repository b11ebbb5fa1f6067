package tcp

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy forwards the connections of clients to a server.
type Proxy struct {
	// Addr is the address for clients, as host:port.
	Addr string

	open connections
}

// To dials a server for each client.
func To(addr string) func(net.Conn) (net.Conn, error) {
	return func(net.Conn) (net.Conn, error) { return net.Dial("tcp", addr) }
}

// Forward starts a proxy that the end of the test stops. It calls dial for each connection of a client and closes
// the client's connection after an error. A connection that dial returns may change what it reads and writes.
func Forward(tb testing.TB, dial func(client net.Conn) (server net.Conn, err error)) *Proxy {
	tb.Helper()
	p := &Proxy{}
	p.Addr = Serve(tb, func(client net.Conn) {
		server, err := dial(client)
		if err != nil {
			return
		}
		defer p.open.end(client, server)
		p.open.add(client, server)
		var up sync.WaitGroup
		up.Go(func() { forward(server, client) })
		forward(client, server)
		up.Wait()
	})
	return p
}

// forward copies one direction until it ends. An end without an error is passed on, if the connection can send it
// alone; otherwise both directions end.
func forward(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	_, _ = to.Close(), from.Close()
}

// CloseAll closes all connections. New ones are forwarded.
func (p *Proxy) CloseAll() { p.open.closeAll(false) }
