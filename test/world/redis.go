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
)

// Redis is a server inside this process: single, without replicas and without
// persistence, but with Lua, streams and pub/sub. Keys expire by the wall clock.
type Redis struct {
	server *miniredis.Miniredis
	addr   string
	end    context.CancelFunc
	clock  sync.WaitGroup
	step   atomic.Int64 // by how much the server's clock is off, in ns
}

// redisTick is how late a key may expire.
const redisTick = 100 * time.Millisecond

// StartRedis starts a server on addr, a loopback host:port; an empty addr, or
// port 0, takes a free one. Close is owed.
func StartRedis(addr string) (*Redis, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	if err := onLoopback(addr); err != nil {
		return nil, err
	}
	server, err := serveRedis(addr)
	if err != nil {
		return nil, fmt.Errorf("start the embedded redis: %w", err)
	}
	ctx, end := context.WithCancel(context.Background())
	r := &Redis{server: server, addr: server.Addr(), end: end}
	r.clock.Go(func() { r.tick(ctx) })
	return r, nil
}

// serveRedis starts on addr. For port 0 it picks one below those that outgoing
// connections get: one of these could take the port while the server is
// stopped, even a client's own that dials it.
func serveRedis(addr string) (*miniredis.Miniredis, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	server := miniredis.NewMiniRedis()
	if port != "0" {
		err = server.StartAddr(addr)
		return server, err
	}
	for range 10 {
		err = server.StartAddr(net.JoinHostPort(host, strconv.Itoa(20000+rand.IntN(12000))))
		if err == nil {
			break
		}
	}
	return server, err
}

// tick lets time pass for the keys. The server's own way looks at every key on
// every command, which a full server cannot afford.
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

// Step moves the server's clock, as an operator or a time server does: forwards, or
// backwards for a negative time. From then on the clock moves in steps of a tenth
// of a second. The time that keys have left stays as it is.
func (r *Redis) Step(by time.Duration) {
	r.step.Add(int64(by))
	r.setClock()
}

func (r *Redis) setClock() {
	if off := time.Duration(r.step.Load()); off != 0 {
		r.server.SetTime(time.Now().Add(off))
	}
}

// onLoopback refuses an address that others could reach: the server asks for no
// password.
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

// URL is how clients find the server; it stays the same over Stop and Restart.
func (r *Redis) URL() string { return "redis://" + r.addr }

// Stop cuts every client off and refuses new ones until Restart.
func (r *Redis) Stop() { r.server.Close() }

// Restart serves again, on the same address, with the keys it had.
func (r *Redis) Restart() error {
	if err := r.server.Restart(); err != nil {
		return fmt.Errorf("restart the embedded redis: %w", err)
	}
	return nil
}

// Close ends the server for good.
func (r *Redis) Close() {
	r.end()
	r.clock.Wait()
	r.server.Close()
}
