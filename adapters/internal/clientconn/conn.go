// Package clientconn has what a service does with the TCP connection of a client after it has
// taken the connection over from the HTTP server.
package clientconn

import (
	"errors"
	"net"
	"sync"
	"time"
)

// WriteTimeout bounds one write. A client that accepts no data for this time has stalled.
const WriteTimeout = 10 * time.Second

// ErrTooMuchInput is returned by Discard for a client that sends more than it may.
var ErrTooMuchInput = errors.New("the client sends data")

// Conn is the connection of a client to which one goroutine writes. Each write takes
// bounded time. EndWithin and Close are safe for concurrent use with it, and may be called
// before the connection is set.
type Conn struct {
	failed error // of the first write that failed; only the writing goroutine uses it

	mu     sync.Mutex
	conn   net.Conn
	endsBy time.Time // when the last write must be complete; zero: there is no such time
}

// SetConn sets the connection and the time of SetPeerTimeout. It is called once, before
// anything is read or written.
func (c *Conn) SetConn(conn net.Conn, peerTimeout time.Duration) {
	setPeerTimeout(conn, peerTimeout)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
}

// SetPeerTimeout bounds how long the client's host may leave sent data unacknowledged or
// accept none. The connection then ends with ETIMEDOUT. It has no effect on connections that
// are not TCP, and on systems other than Linux.
func (c *Conn) SetPeerTimeout(d time.Duration) { setPeerTimeout(c.conn, d) }

// EndWithin bounds all writes from now on, including the one in progress.
func (c *Conn) EndWithin(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endsBy = time.Now().Add(d)
	if c.conn != nil {
		_ = c.conn.SetWriteDeadline(c.endsBy) // fails only when the connection is closed
	}
}

// Write writes to the client. It blocks for WriteTimeout at most, and less after EndWithin.
// After an error it writes nothing more, because the client may have a part of p, and
// returns that error again.
func (c *Conn) Write(p []byte) error {
	if c.failed == nil {
		c.startWrite()
		_, c.failed = c.conn.Write(p)
	}
	return c.failed
}

// startWrite sets the time limit of a write.
func (c *Conn) startWrite() {
	c.mu.Lock()
	defer c.mu.Unlock()
	end := c.endsBy
	if end.IsZero() {
		end = time.Now().Add(WriteTimeout)
	}
	_ = c.conn.SetWriteDeadline(end) // the write gets the error
}

// Discard reads until the connection ends, or the client has sent the given number of
// bytes. It uses little memory while nothing arrives. It may run concurrently with a write.
// The result is the error of the connection, or ErrTooMuchInput.
func (c *Conn) Discard(limit int) error {
	var buffer [64]byte
	for total := 0; total < limit; {
		n, err := c.conn.Read(buffer[:])
		if err != nil {
			return err
		}
		total += n
	}
	return ErrTooMuchInput
}

// Close closes the connection.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		_ = c.conn.Close()
	}
}
