// Package transport is an HTTP/1.1 client for one service: a pool of connections, on which it
// writes requests with net/http's Request.Write and reads responses with its ReadResponse.
//
// It exists because net/http's Transport hands each request to two goroutines of its
// connection, prefers a write error to a response that was received, and may read a request's
// body after it has returned; see docs/decisions/0005. It follows no redirect and uses no
// proxy.
package transport

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"sync"
	"time"
)

const (
	// keepAlive is how often the kernel checks a silent connection.
	keepAlive = 30 * time.Second
	// idleLimit is how long an unused connection is kept.
	idleLimit = 90 * time.Second
	// dropInterval is the least time between two drops of all idle connections.
	dropInterval = 10 * time.Second
	// ageJitter is the divisor of the random part of the age, so that the connections of a
	// process do not expire together.
	ageJitter = 10
	// unlimitedAge is the age of connections without a maximum.
	unlimitedAge = 365 * 24 * time.Hour
)

// Config configures a Pool.
type Config struct {
	// ConnectTimeout bounds connecting and, separately, the TLS handshake.
	ConnectTimeout time.Duration
	// MaxAge is how long a connection is used, less up to a tenth; 0 means no limit.
	MaxAge time.Duration
	// Dial, unless nil, opens connections in place of a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Pool is the connection pool of one service. It is safe for concurrent use.
type Pool struct {
	config  Config
	address string
	// tls is nil for plain HTTP.
	tls *tls.Config

	mu sync.Mutex
	// idle are the idle connections, the longest idle first: at most as many as there
	// were concurrent callers.
	idle []*conn
	// sweepTimer closes connections that were idle too long; nil while none is idle.
	sweepTimer *time.Timer
	closed     bool
	// lastDrop is when all idle connections were last closed after a failure.
	lastDrop time.Time
}

// New returns the pool of a service by the scheme and host of its URL. It does not connect.
func New(base *url.URL, c Config) *Pool {
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: c.ConnectTimeout, KeepAlive: keepAlive}).DialContext
	}
	p := &Pool{config: c}
	if base.Scheme == "https" {
		p.tls = &tls.Config{ServerName: base.Hostname(), NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}
	}
	port := base.Port()
	if port == "" {
		port = base.Scheme // dialers resolve the name of a port
	}
	p.address = net.JoinHostPort(base.Hostname(), port)
	return p
}

// Close closes the idle connections, and the others when they become idle. It does not
// interrupt exchanges.
func (p *Pool) Close() { abandonAll(p.shutdown()) }

// Idle returns the number of idle connections.
func (p *Pool) Idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

func (p *Pool) shutdown() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.idle
	p.closed, p.idle = true, nil
	if p.sweepTimer != nil {
		p.sweepTimer.Stop()
		p.sweepTimer = nil
	}
	return idle
}

// abandonAll closes connections. It is called without the lock, because TLS sends an alert.
func abandonAll(all []*conn) {
	for _, c := range all {
		c.abandon()
	}
}

// get returns the most recently used idle connection that is usable, or a new one, with the
// deadline of the exchange. It returns an error if ctx is done or the deadline has passed.
func (p *Pool) get(ctx context.Context, o Options) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for !o.Fresh {
		c := p.popIdle()
		if c == nil {
			break
		}
		if c.prepare(o.Deadline) {
			return c, nil
		}
		c.abandon()
	}
	if o.Deadline.IsZero() {
		return p.dial(ctx)
	}
	ctx, cancel := context.WithDeadline(ctx, o.Deadline)
	defer cancel()
	c, err := p.dial(ctx)
	if err == nil {
		_ = c.SetDeadline(o.Deadline) // fails only on a closed connection
	}
	return c, err
}

func (p *Pool) popIdle() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle) - 1
	if n < 0 {
		return nil
	}
	c := p.idle[n]
	p.idle[n], p.idle = nil, p.idle[:n]
	return c
}

// put returns a connection to the pool, or closes it if it has reached its age.
func (p *Pool) put(c *conn) {
	c.reused, c.idleSince = true, time.Now()
	if !c.idleSince.Before(c.expires) || !p.addIdle(c) {
		c.abandon()
	}
}

func (p *Pool) addIdle(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.idle = append(p.idle, c)
	if p.sweepTimer == nil {
		p.sweepTimer = time.AfterFunc(idleLimit, p.sweep)
	}
	return true
}

// sweep closes the connections that were idle too long and schedules the next sweep.
func (p *Pool) sweep() { abandonAll(p.takeExpired()) }

func (p *Pool) takeExpired() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && time.Since(p.idle[n].idleSince) >= idleLimit {
		n++
	}
	old := slices.Clone(p.idle[:n])
	p.idle = slices.Delete(p.idle, 0, n)
	p.sweepTimer = nil
	if len(p.idle) > 0 {
		p.sweepTimer = time.AfterFunc(idleLimit-time.Since(p.idle[0].idleSince), p.sweep)
	}
	return old
}

// dropIdle closes the idle connections after an exchange that failed without a byte of a
// response on a reused connection: the instance behind them may be gone. It does so at most
// once in dropInterval, so that a service which resets single requests causes no storm of
// connections.
func (p *Pool) dropIdle() { abandonAll(p.takeIdle()) }

func (p *Pool) takeIdle() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.lastDrop.IsZero() && time.Since(p.lastDrop) < dropInterval {
		return nil
	}
	p.lastDrop = time.Now()
	idle := p.idle
	p.idle = nil
	return idle
}

// dial opens a connection. Connecting and the TLS handshake have one timeout each.
func (p *Pool) dial(ctx context.Context) (*conn, error) {
	socket, err := p.config.Dial(ctx, "tcp", p.address)
	if err == nil && p.tls != nil {
		socket, err = p.handshake(ctx, socket)
	}
	if err != nil {
		return nil, err
	}
	return newConn(socket, time.Now().Add(p.lifetime())), nil
}

func (p *Pool) handshake(ctx context.Context, socket net.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.ConnectTimeout)
	defer cancel()
	encrypted := tls.Client(socket, p.tls)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		_ = socket.Close()
		return nil, err
	}
	return encrypted, nil
}

// lifetime returns how long a new connection may be used.
func (p *Pool) lifetime() time.Duration {
	if p.config.MaxAge <= 0 {
		return unlimitedAge
	}
	return p.config.MaxAge - rand.N(p.config.MaxAge/ageJitter+1)
}
