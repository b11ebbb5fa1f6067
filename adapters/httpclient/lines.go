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

// lines are the connections (a connection pool) to one service: HTTP/1.1 on the
// caller's own goroutine, which net/http's Transport hands from one to another and
// back. They follow no redirect and use no proxy.
type lines struct {
	// host is what requests name, with the port where it is not the usual one.
	host    string
	address string
	// tls is nil for plain HTTP.
	tls     *tls.Config
	connect time.Duration
	open    func(ctx context.Context, network, address string) (net.Conn, error)
	// age is how long a line is used.
	age time.Duration

	mu sync.Mutex
	// idle are the lines at rest, the longest rested first: at most as many as
	// there are callers at once.
	idle []*line
	// sweeper closes those that have rested too long; nil while there is none.
	sweeper *time.Timer
	closed  bool
	// dropped is when all idle lines were last given up after a failure.
	dropped time.Time
}

// newLines returns lines to a base URL, as baseURL returns it. It connects to
// nothing yet.
func newLines(base *url.URL, c Config) *lines {
	name, port := base.Hostname(), base.Port()
	l := &lines{
		host: base.Host, connect: c.ConnectTimeout, age: c.ConnectionMaxAge,
		open: (&net.Dialer{Timeout: c.ConnectTimeout, KeepAlive: keepAlive}).DialContext,
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

// exchange sends a request, which fits into memory, and reads its answer, all
// before the deadline, on a new line if fresh. stale says that it failed without a
// byte of an answer on a line that had carried others. An error from the first
// byte of an answer on is a brokenAnswer, except errTooBig. With an error, the
// answer holds the status if there was one. For a caller who has left already
// nothing is sent.
func (l *lines) exchange(ctx context.Context, deadline time.Time, q question, fresh bool) (a answer, stale bool, err error) {
	if err := ctx.Err(); err != nil {
		return answer{}, false, err
	}
	one, err := l.get(ctx, deadline, fresh)
	if err != nil {
		return answer{}, false, err
	}
	a, err = l.on(ctx, one, q)
	if err != nil && !left(ctx) {
		l.failed(one, heard(err), err)
	}
	return a, err != nil && one.used && !heard(err) && !timedOut(err), err
}

// failed gives up the idle lines after an exchange that ended without a byte of
// an answer on a line that had carried others: the instance at their other end
// may be gone without a word. It does so at most once in dropPause, so that a
// service which resets single requests costs no storm of connections.
func (l *lines) failed(one *line, answered bool, err error) {
	if answered || !one.used || errors.Is(err, context.Canceled) {
		return
	}
	hangUp(l.dropIdle())
}

// dropPause is the least time between two droppings of all idle lines.
const dropPause = 10 * time.Second

func (l *lines) dropIdle() []*line {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dropped.IsZero() && time.Since(l.dropped) < dropPause {
		return nil
	}
	l.dropped = time.Now()
	idle := l.idle
	l.idle = nil
	return idle
}

// question is a request as it goes on the wire.
type question struct {
	method  string
	message []byte
	// wants says of which statuses the body is read.
	wants func(status int) bool
}

// heard reports whether the error came after the first byte of an answer.
func heard(err error) bool {
	_, is := errors.AsType[*brokenAnswer](err)
	return is || errors.Is(err, errTooBig) || errors.Is(err, errNoMemory)
}

// on makes an exchange on one line.
func (l *lines) on(ctx context.Context, one *line, q question) (answer, error) {
	a, kept, err := one.talk(ctx, q.message, q.wants)
	if kept {
		l.keep(one)
	} else {
		_ = one.conn.Close() // nothing is lost with it
	}
	return a, err
}

// get returns the line that was used last, if it is still good, or a new one; if
// fresh, a new one. Its deadline is set; a zero deadline means no limit.
func (l *lines) get(ctx context.Context, deadline time.Time, fresh bool) (*line, error) {
	for !fresh {
		one := l.last()
		if one == nil {
			break
		}
		if time.Now().Before(one.retires) && one.ready(deadline) {
			return one, nil
		}
		_ = one.conn.Close()
	}
	return l.dial(ctx, deadline)
}

func (l *lines) last() *line {
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

// keep puts a line to rest.
func (l *lines) keep(one *line) {
	one.used, one.rested = true, time.Now()
	if !one.rested.Before(one.retires) || !l.rest(one) {
		_ = one.conn.Close()
	}
}

func (l *lines) rest(one *line) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.idle = append(l.idle, one)
	if l.sweeper == nil {
		l.sweeper = time.AfterFunc(idleLimit, l.sweep)
	}
	return true
}

// sweep closes the lines that have rested too long, and comes back when the
// next one will have.
func (l *lines) sweep() { hangUp(l.overdue()) }

func (l *lines) overdue() []*line {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < len(l.idle) && time.Since(l.idle[n].rested) >= idleLimit {
		n++
	}
	old := slices.Clone(l.idle[:n])
	l.idle = slices.Delete(l.idle, 0, n)
	l.sweeper = nil
	if len(l.idle) > 0 {
		l.sweeper = time.AfterFunc(idleLimit-time.Since(l.idle[0].rested), l.sweep)
	}
	return old
}

// hangUp closes lines. It is called without the lock, because TLS says goodbye.
func hangUp(all []*line) {
	for _, one := range all {
		_ = one.conn.Close() // nothing is lost with it
	}
}

// close closes the lines at rest, and the others once they come to rest. Calls
// in flight are not disturbed.
func (l *lines) close() { hangUp(l.leave()) }

func (l *lines) leave() []*line {
	l.mu.Lock()
	defer l.mu.Unlock()
	idle := l.idle
	l.closed, l.idle = true, nil
	if l.sweeper != nil {
		l.sweeper.Stop()
		l.sweeper = nil
	}
	return idle
}

// dial opens a new line. Connecting and the TLS handshake have a limit each
// beside the deadline.
func (l *lines) dial(ctx context.Context, deadline time.Time) (*line, error) {
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	conn, err := l.open(ctx, "tcp", l.address)
	if err != nil {
		return nil, err
	}
	if l.tls != nil {
		if conn, err = l.shake(ctx, conn); err != nil {
			return nil, err
		}
	}
	if err := conn.SetDeadline(deadline); err != nil {
		_ = conn.Close()
		return nil, err
	}
	one := newLine(conn)
	one.home, one.deadline, one.retires = l, deadline, time.Now().Add(l.lifetime())
	return one, nil
}

// ageSpread is the part of the age by which lines retire apart, so that not all
// of a process are opened again at once.
const ageSpread = 10

// lifetime is how long a new line may be used.
func (l *lines) lifetime() time.Duration {
	if l.age <= 0 {
		return unlimitedAge
	}
	return l.age - rand.N(l.age/ageSpread+1)
}

// unlimitedAge stands for no limit.
const unlimitedAge = 365 * 24 * time.Hour

func (l *lines) shake(ctx context.Context, conn net.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.connect)
	defer cancel()
	sealed := tls.Client(conn, l.tls)
	if err := sealed.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return sealed, nil
}
