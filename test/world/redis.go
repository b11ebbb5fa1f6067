package world

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// Redis is a single server in this process, without replicas and persistence. It
// supports Lua, streams and pub/sub. Keys expire by the wall clock.
type Redis struct {
	server *miniredis.Miniredis
	addr   string
	end    context.CancelFunc
	clock  sync.WaitGroup
	step   atomic.Int64 // offset of the server's clock, in nanoseconds

	mu     sync.Mutex
	thawed chan struct{} // is closed by Thaw; nil unless the server is frozen
}

// redisTick is the longest delay of a key's expiry.
const redisTick = 100 * time.Millisecond

// StartRedis starts a server on addr, a loopback host:port. An empty addr or port
// 0 selects a free port. The caller must call Close.
func StartRedis(addr string) (*Redis, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	if err := onLoopback(addr); err != nil {
		return nil, err
	}
	embedded, err := serveRedis(addr)
	if err != nil {
		return nil, fmt.Errorf("start the embedded redis: %w", err)
	}
	ctx, end := context.WithCancel(context.Background())
	r := &Redis{server: embedded, addr: embedded.Addr(), end: end}
	r.clock.Go(func() { r.tick(ctx) })
	return r, nil
}

// serveRedis starts a server on addr. For port 0 it selects a port below the range
// of outgoing connections. Otherwise an outgoing connection could take the port
// while the server is stopped.
func serveRedis(addr string) (*miniredis.Miniredis, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	embedded := miniredis.NewMiniRedis()
	if port != "0" {
		err = embedded.StartAddr(addr)
		return embedded, err
	}
	for range 10 {
		err = embedded.StartAddr(net.JoinHostPort(host, strconv.Itoa(20000+rand.IntN(12000))))
		if err == nil {
			break
		}
	}
	return embedded, err
}

// tick advances the clock of the keys. The server's own clock checks every key at
// each command, which is too slow with many keys.
func (r *Redis) tick(ctx context.Context) {
	ticker := time.NewTicker(redisTick)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			r.server.FastForward(now.Sub(last))
			last = now
			r.setClock()
		}
	}
}

// Step moves the server's clock by the given time, backwards if it is negative. After the first
// step the clock advances in steps of a tenth of a second. The remaining time of keys does
// not change.
func (r *Redis) Step(by time.Duration) {
	r.step.Add(int64(by))
	r.setClock()
}

func (r *Redis) setClock() {
	if off := time.Duration(r.step.Load()); off != 0 {
		r.server.SetTime(time.Now().Add(off))
	}
}

// onLoopback returns an error for an address that other machines can reach,
// because the server requires no password.
func onLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("embedded redis: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("embedded redis: %s is not a loopback address", host)
	}
	return nil
}

// URL returns the server's URL, which Stop and Restart do not change.
func (r *Redis) URL() string { return "redis://" + r.addr }

// Stop closes all connections and refuses new ones until Restart.
func (r *Redis) Stop() { r.server.Close() }

// Restart starts the server on the same address with the same keys.
func (r *Redis) Restart() error {
	if err := r.server.Restart(); err != nil {
		return fmt.Errorf("restart the embedded redis: %w", err)
	}
	return nil
}

// CloseConnection is a reply of Intercept that closes the client's connection instead.
const CloseConnection = "close"

// Intercept lets respond answer commands in place of the server. respond gets the name in upper case and the arguments of each
// command, concurrently from all connections. It returns the reply in bytes of the protocol, or false to let the server execute the
// command. A nil respond ends the interception.
func (r *Redis) Intercept(respond func(name string, args []string) (reply string, handled bool)) {
	if respond == nil {
		r.server.Server().SetPreHook(nil)
		return
	}
	r.server.Server().SetPreHook(func(peer *server.Peer, name string, args ...string) bool {
		reply, handled := respond(name, args)
		switch {
		case handled && reply == CloseConnection:
			peer.Close()
		case handled:
			peer.WriteRaw(reply)
		}
		return handled
	})
}

// Freeze stops all replies until Thaw, but keeps connections open, like a stopped process.
func (r *Redis) Freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.thawed != nil {
		return
	}
	thawed := make(chan struct{})
	r.thawed = thawed
	r.Intercept(func(string, []string) (string, bool) {
		<-thawed
		return "", false
	})
}

// Thaw ends Freeze. The server then executes the commands that have arrived.
func (r *Redis) Thaw() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.thawed == nil {
		return
	}
	r.Intercept(nil)
	close(r.thawed)
	r.thawed = nil
}

// Close stops the server. It cannot be restarted afterwards.
func (r *Redis) Close() {
	r.Thaw()
	r.end()
	r.clock.Wait()
	r.server.Close()
}
