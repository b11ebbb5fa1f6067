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

// connPool are the connections (a connection pool) to one service: HTTP/1.1 on the
// caller's own goroutine, which net/http's Transport hands from one to another and
// back. They follow no redirect and use no proxy.
type connPool struct {
	// host is what requests name, with the port where it is not the usual one.
	host    string
	address string
	// tls is nil for plain HTTP.
	tls            *tls.Config
	connectTimeout time.Duration
	dialContext    func(ctx context.Context, network, address string) (net.Conn, error)
	// maxAge is how long a line is used.
	maxAge time.Duration

	mu sync.Mutex
	// idle are the lines at rest, the longest rested first: at most as many as
	// there are callers at once.
	idle []*conn
	// sweepTimer closes those that have rested too long; nil while there is none.
	sweepTimer *time.Timer
	closed     bool
	// lastDrop is when all idle lines were last given up after a failure.
	lastDrop time.Time
}

// newConnPool returns lines to a base URL, as baseURL returns it. It connects to
// nothing yet.
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

// roundTrip sends a request, which fits into memory, and reads its answer, all
// before the deadline, on a new line if fresh. stale says that it failed without a
// byte of an answer on a line that had carried others. An error from the first
// byte of an answer on is a brokenAnswer, except errTooBig. With an error, the
// answer holds the status if there was one. For a caller who has left already
// nothing is sent.
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

// noteFailure gives up the idle lines after an exchange that ended without a byte of
// an answer on a line that had carried others: the instance at their other end
// may be gone without a word. It does so at most once in dropPause, so that a
// service which resets single requests costs no storm of connections.
func (l *connPool) noteFailure(one *conn, answered bool, err error) {
	if answered || !one.reused || errors.Is(err, context.Canceled) {
		return
	}
	closeAll(l.dropIdle())
}

// dropInterval is the least time between two droppings of all idle lines.
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

// wireRequest is a request as it goes on the wire.
type wireRequest struct {
	method string
	raw    []byte
	// wantsBody says of which statuses the body is read.
	wantsBody func(status int) bool
}

// responseStarted reports whether the error came after the first byte of an answer.
func responseStarted(err error) bool {
	_, is := errors.AsType[*brokenResponse](err)
	return is || errors.Is(err, errResponseTooLarge) || errors.Is(err, errNoMemory)
}

// roundTripOn makes an exchange on one line.
func (l *connPool) roundTripOn(ctx context.Context, one *conn, q wireRequest) (serviceResponse, error) {
	a, kept, err := one.roundTrip(ctx, q.raw, q.wantsBody)
	if kept {
		l.put(one)
	} else {
		_ = one.socket.Close() // nothing is lost with it
	}
	return a, err
}

// get returns the line that was used last, if it is still good, or a new one; if
// fresh, a new one. Its deadline is set; a zero deadline means no limit.
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

// put puts a line to rest.
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

// sweep closes the lines that have rested too long, and comes back when the
// next one will have.
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

// closeAll closes lines. It is called without the lock, because TLS says goodbye.
func closeAll(all []*conn) {
	for _, one := range all {
		_ = one.socket.Close() // nothing is lost with it
	}
}

// close closes the lines at rest, and the others once they come to rest. Calls
// in flight are not disturbed.
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

// dial opens a new line. Connecting and the TLS handshake have a limit each
// beside the deadline.
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

// ageJitter is the part of the age by which lines retire apart, so that not all
// of a process are opened again at once.
const ageJitter = 10

// lifetime is how long a new line may be used.
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
