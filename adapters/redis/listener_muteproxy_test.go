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

// muteProxy is a proxy before Redis that can keep what is published from the
// subscriptions open at that time, while everything else works.
type muteProxy struct {
	listener     net.Listener
	target       string
	group        sync.WaitGroup
	refused      atomic.Int64 // connections that found no Redis
	dropMessages atomic.Bool  // no subscription gets what is published
	mu           sync.Mutex
	pairs        []*pair
}

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

// silence deafens every subscription that is open now.
func (d *muteProxy) muteSubscriptions() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.pairs {
		p.mute.Store(p.subscribed.Load())
	}
}

// cut ends every connection that is open now.
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
