package httpclient

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// connPool is the connection pool of one service. It speaks HTTP/1.1 on the caller's
// goroutine, without the goroutines that net/http's Transport needs for each connection. It
// follows no redirect and uses no proxy.
type connPool struct {
	// host is the Host header of requests, with the port unless it is the default.
	host    string
	address string
	// tls is nil for plain HTTP.
	tls            *tls.Config
	connectTimeout time.Duration
	dialContext    func(ctx context.Context, network, address string) (net.Conn, error)
	// maxAge is how long a connection is used; 0: no limit.
	maxAge time.Duration

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

// newConnPool returns the pool of a base URL, as baseURL returns it. It does not connect yet.
func newConnPool(base *url.URL, c Config) *connPool {
	name, port := base.Hostname(), base.Port()
	l := &connPool{
		host: base.Host, connectTimeout: c.ConnectTimeout, maxAge: c.ConnectionMaxAge,
		dialContext: (&net.Dialer{Timeout: c.ConnectTimeout, KeepAlive: keepAlive}).DialContext,
	}
	if plain, _, zoned := strings.Cut(name, "%"); zoned { // zones are known here alone
		l.host = strings.Replace(base.Host, name, plain, 1)
	}
	if base.Scheme == "https" {
		l.tls = &tls.Config{ServerName: name, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}
	}
	if port == "" {
		port = base.Scheme // a port's name is as good as its number
	}
	l.address = net.JoinHostPort(name, port)
	return l
}

// roundTrip sends a request and reads its response before the deadline. If fresh is set it
// opens a new connection. stale means that it failed without a byte of a response on a
// reused connection. An error after the first byte is a brokenResponse, except
// errResponseTooLarge and errNoMemory. With an error, the response holds the status if one
// was received. It sends nothing if ctx is done.
func (l *connPool) roundTrip(ctx context.Context, deadline time.Time, q wireRequest, fresh bool) (a serviceResponse, stale bool, err error) {
	if err := ctx.Err(); err != nil {
		return serviceResponse{}, false, err
	}
	one, err := l.get(ctx, deadline, fresh)
	if err != nil {
		return serviceResponse{}, false, err
	}
	a, err = l.roundTripOn(ctx, one, q)
	if err != nil && !callerLeft(ctx) {
		l.noteFailure(one, responseStarted(err), err)
	}
	return a, err != nil && one.reused && !responseStarted(err) && !timedOut(err), err
}

// noteFailure closes the idle connections after an exchange that failed without a byte of a
// response on a reused connection: the instance behind them may be gone. It does so at most
// once in dropInterval, so that a service which resets single requests causes no storm of
// connections.
func (l *connPool) noteFailure(one *conn, answered bool, err error) {
	if answered || !one.reused || errors.Is(err, context.Canceled) {
		return
	}
	closeAll(l.dropIdle())
}

// dropInterval is the least time between two drops of all idle connections.
const dropInterval = 10 * time.Second

func (l *connPool) dropIdle() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.lastDrop.IsZero() && time.Since(l.lastDrop) < dropInterval {
		return nil
	}
	l.lastDrop = time.Now()
	idle := l.idle
	l.idle = nil
	return idle
}

// wireRequest is a serialized request.
type wireRequest struct {
	method string
	raw    []byte
	// wantsBody reports whether the body of a response with that status is read.
	wantsBody func(status int) bool
}

// responseStarted reports whether the error came after the first byte of an answer.
func responseStarted(err error) bool {
	_, is := errors.AsType[*brokenResponse](err)
	return is || errors.Is(err, errResponseTooLarge) || errors.Is(err, errNoMemory)
}

// roundTripOn makes an exchange on one connection, and keeps or closes it.
func (l *connPool) roundTripOn(ctx context.Context, one *conn, q wireRequest) (serviceResponse, error) {
	a, kept, err := one.roundTrip(ctx, q.raw, q.wantsBody)
	if kept {
		l.put(one)
	} else {
		_ = one.socket.Close() // nothing is lost with it
	}
	return a, err
}

// get returns the most recently used idle connection that is usable, or a new one. If fresh
// is set it returns a new one. It sets the deadline; zero means no limit.
func (l *connPool) get(ctx context.Context, deadline time.Time, fresh bool) (*conn, error) {
	for !fresh {
		one := l.popIdle()
		if one == nil {
			break
		}
		if time.Now().Before(one.expires) && one.usable(deadline) {
			return one, nil
		}
		_ = one.socket.Close()
	}
	return l.dial(ctx, deadline)
}

func (l *connPool) popIdle() *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.idle) - 1
	if n < 0 {
		return nil
	}
	one := l.idle[n]
	l.idle[n], l.idle = nil, l.idle[:n]
	return one
}

// put returns a connection to the pool, or closes it if it has reached its age.
func (l *connPool) put(one *conn) {
	one.reused, one.idleSince = true, time.Now()
	if !one.idleSince.Before(one.expires) || !l.addIdle(one) {
		_ = one.socket.Close()
	}
}

func (l *connPool) addIdle(one *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.idle = append(l.idle, one)
	if l.sweepTimer == nil {
		l.sweepTimer = time.AfterFunc(idleLimit, l.sweep)
	}
	return true
}

// sweep closes the connections that were idle too long and schedules the next sweep.
func (l *connPool) sweep() { closeAll(l.takeExpired()) }

func (l *connPool) takeExpired() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < len(l.idle) && time.Since(l.idle[n].idleSince) >= idleLimit {
		n++
	}
	old := slices.Clone(l.idle[:n])
	l.idle = slices.Delete(l.idle, 0, n)
	l.sweepTimer = nil
	if len(l.idle) > 0 {
		l.sweepTimer = time.AfterFunc(idleLimit-time.Since(l.idle[0].idleSince), l.sweep)
	}
	return old
}

// closeAll closes connections. It is called without the lock, because TLS sends an alert.
func closeAll(all []*conn) {
	for _, one := range all {
		_ = one.socket.Close() // nothing is lost with it
	}
}

// close closes the idle connections, and the others when they become idle. It does not
// interrupt calls in flight.
func (l *connPool) close() { closeAll(l.shutdown()) }

func (l *connPool) shutdown() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	idle := l.idle
	l.closed, l.idle = true, nil
	if l.sweepTimer != nil {
		l.sweepTimer.Stop()
		l.sweepTimer = nil
	}
	return idle
}

// dial opens a connection. Connecting and the TLS handshake have one timeout each, in
// addition to the deadline.
func (l *connPool) dial(ctx context.Context, deadline time.Time) (*conn, error) {
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	conn, err := l.dialContext(ctx, "tcp", l.address)
	if err != nil {
		return nil, err
	}
	if l.tls != nil {
		if conn, err = l.handshake(ctx, conn); err != nil {
			return nil, err
		}
	}
	if err := conn.SetDeadline(deadline); err != nil {
		_ = conn.Close()
		return nil, err
	}
	one := newConn(conn)
	one.pool, one.deadline, one.expires = l, deadline, time.Now().Add(l.lifetime())
	return one, nil
}

// ageJitter is the divisor of the random part of the age, so that the connections of a
// process do not expire together.
const ageJitter = 10

// lifetime returns how long a new connection may be used.
func (l *connPool) lifetime() time.Duration {
	if l.maxAge <= 0 {
		return unlimitedAge
	}
	return l.maxAge - rand.N(l.maxAge/ageJitter+1)
}

// unlimitedAge stands for no limit.
const unlimitedAge = 365 * 24 * time.Hour

func (l *connPool) handshake(ctx context.Context, conn net.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.connectTimeout)
	defer cancel()
	sealed := tls.Client(conn, l.tls)
	if err := sealed.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return sealed, nil
}
