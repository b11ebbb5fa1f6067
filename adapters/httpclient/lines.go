package httpclient

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// lines are the connections to one service for questions and answers that are
// small enough to be held in memory: HTTP/1.1 on the caller's own goroutine,
// which net/http's Transport hands from one to another and back. They follow no
// redirect and use no proxy. What is passed on as a stream goes elsewhere.
type lines struct {
	// host is what requests name, with the port where it is not the usual one.
	host    string
	address string
	// tls is nil for plain HTTP.
	tls     *tls.Config
	connect time.Duration
	open    func(ctx context.Context, network, address string) (net.Conn, error)

	mu sync.Mutex
	// idle are the lines at rest, the longest rested first: at most as many as
	// there are callers at once.
	idle []*line
	// sweeper closes those that have rested too long; nil while there is none.
	sweeper *time.Timer
	closed  bool
}

// newLines returns lines to a base URL, as baseURL returns it. It connects to
// nothing yet.
func newLines(base *url.URL, c Config) *lines {
	name, port := base.Hostname(), base.Port()
	l := &lines{
		host: base.Host, connect: c.ConnectTimeout,
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
// before the deadline. A GET that meets a line which its service had just closed
// is sent once more on a new one. An error from the first byte of an answer on
// is a brokenAnswer, save for errTooBig. With an error, the answer holds the status if
// there was one. For a caller who has left already nothing is sent.
func (l *lines) exchange(ctx context.Context, deadline time.Time, q question) (answer, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	one, err := l.take(ctx, deadline)
	if err != nil {
		return answer{}, err
	}
	stale := one.used
	a, err := l.on(ctx, one, q)
	if err == nil || !stale || q.method != http.MethodGet || heard(err) || timedOut(err) || ctx.Err() != nil {
		return a, err
	}
	if one, err = l.dial(ctx, deadline); err != nil {
		return answer{}, err
	}
	return l.on(ctx, one, q)
}

// question is a request as it goes on the wire.
type question struct {
	method  string
	message []byte
	// wants says of which statuses the body is read.
	wants func(status int) bool
}

// heard says that the error came after the first byte of an answer.
func heard(err error) bool {
	_, is := errors.AsType[*brokenAnswer](err)
	return is || errors.Is(err, errTooBig)
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

// take returns the line that was used last, if it is still good, or a new one.
func (l *lines) take(ctx context.Context, deadline time.Time) (*line, error) {
	for {
		one := l.last()
		if one == nil {
			return l.dial(ctx, deadline)
		}
		if one.ready(deadline) {
			return one, nil
		}
		_ = one.conn.Close()
	}
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
	if !l.rest(one) {
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
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
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
	return newLine(conn), nil
}

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
