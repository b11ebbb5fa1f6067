package redis_test

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// muteProxy is a proxy in front of Redis that can withhold published messages from open
// subscriptions and passes everything else.
type muteProxy struct {
	listener     net.Listener
	target       string
	group        sync.WaitGroup
	refused      atomic.Int64 // connections while Redis did not accept any
	dropMessages atomic.Bool  // withhold all published messages
	mu           sync.Mutex
	pairs        []*pair
}

// pair is a connection of a client and its connection to the server.
type pair struct {
	client, server net.Conn
	subscribed     atomic.Bool
	mute           atomic.Bool
}

func startMuteProxy(t testing.TB, target string) *muteProxy {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := &muteProxy{listener: l, target: u.Host}
	d.group.Go(d.accept)
	t.Cleanup(func() {
		_ = l.Close()
		d.mu.Lock()
		for _, p := range d.pairs {
			p.close()
		}
		d.mu.Unlock()
		d.group.Wait()
	})
	return d
}

func (d *muteProxy) url() string { return "redis://" + d.listener.Addr().String() }

func (d *muteProxy) accept() {
	for {
		client, err := d.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", d.target)
		if err != nil {
			_ = client.Close()
			d.refused.Add(1)
			continue
		}
		p := &pair{client: client, server: server}
		d.mu.Lock()
		d.pairs = append(d.pairs, p)
		d.mu.Unlock()
		d.group.Go(p.up)
		d.group.Go(func() { p.down(&d.dropMessages) })
	}
}

// muteSubscriptions withholds everything from the subscriptions that are open now.
func (d *muteProxy) muteSubscriptions() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.pairs {
		p.mute.Store(p.subscribed.Load())
	}
}

// closeAll closes every open connection.
func (d *muteProxy) closeAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.pairs {
		p.close()
	}
}

func (p *pair) close() {
	_ = p.client.Close()
	_ = p.server.Close()
}

// up copies from the client to the server.
func (p *pair) up() {
	defer p.close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := p.client.Read(buffer)
		if bytes.Contains(buffer[:n], []byte("subscribe")) {
			p.subscribed.Store(true)
		}
		if err != nil {
			return
		}
		if _, err := p.server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// down copies from the server to the client.
func (p *pair) down(dropMessages *atomic.Bool) {
	defer p.close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := p.server.Read(buffer)
		if err != nil {
			return
		}
		if p.mute.Load() || dropMessages.Load() && bytes.Contains(buffer[:n], []byte("\r\nmessage\r\n")) {
			continue
		}
		if _, err := p.client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
