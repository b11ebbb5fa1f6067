package redis_test

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/huleedu/edge/test/tcp"
)

// muteProxy is a proxy in front of Redis that can withhold published messages from open
// subscriptions and passes everything else.
type muteProxy struct {
	*tcp.Proxy

	refused      atomic.Int64 // connections while Redis did not accept any
	dropMessages atomic.Bool  // withhold all published messages
	mu           sync.Mutex
	conns        []*mutedConn
}

func startMuteProxy(t testing.TB, target string) *muteProxy {
	t.Helper()
	d := &muteProxy{}
	dial := tcp.To(strings.TrimPrefix(target, "redis://"))
	d.Proxy = tcp.Forward(t, func(client net.Conn) (net.Conn, error) {
		server, err := dial(client)
		if err != nil {
			d.refused.Add(1)
			return nil, err
		}
		c := &mutedConn{Conn: server, dropMessages: &d.dropMessages}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.conns = append(d.conns, c)
		return c, nil
	})
	return d
}

func (d *muteProxy) url() string { return "redis://" + d.Addr }

// muteSubscriptions withholds everything from the subscriptions that are open now.
func (d *muteProxy) muteSubscriptions() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		c.mute.Store(c.subscribed.Load())
	}
}

// mutedConn is a connection to the server from which nothing arrives while it is muted.
type mutedConn struct {
	net.Conn

	subscribed, mute atomic.Bool
	dropMessages     *atomic.Bool
}

// Write notes whether the client subscribes.
func (c *mutedConn) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("subscribe")) {
		c.subscribed.Store(true)
	}
	return c.Conn.Write(p)
}

// Read skips what is withheld.
func (c *mutedConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		withheld := c.mute.Load() || c.dropMessages.Load() && bytes.Contains(p[:n], []byte("\r\nmessage\r\n"))
		if err != nil || !withheld {
			return n, err
		}
	}
}
