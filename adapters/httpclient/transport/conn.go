package transport

import (
	"bufio"
	"net"
	"syscall"
	"time"
)

// conn is one connection to a service. It carries one exchange at a time.
type conn struct {
	net.Conn
	reader *bufio.Reader
	writer *bufio.Writer
	// expires is when the connection is not reused any more.
	expires time.Time
	// idleSince is when the last exchange ended.
	idleSince time.Time
	// reused means that the connection has carried an exchange before.
	reused bool
	// head holds what was read since startHead; it is bounded while inHead is set.
	head   []byte
	inHead bool
	// rawSocket is the descriptor of the socket, nil if there is none.
	rawSocket syscall.RawConn
	// peek sets silent to whether the socket is open without pending bytes. It does not wait.
	peek   func(fd uintptr) bool
	silent bool
	// encrypted means that TLS, which reads ahead, lies above the socket.
	encrypted bool
}

func newConn(socket net.Conn, expires time.Time) *conn {
	c := &conn{Conn: socket, expires: expires}
	c.peek = func(fd uintptr) bool { c.silent = nothingToRead(fd); return true }
	c.reader, c.writer = bufio.NewReader(headReader{c}), bufio.NewWriter(nil)
	if above, ok := socket.(interface{ NetConn() net.Conn }); ok {
		socket, c.encrypted = above.NetConn(), true
	}
	if s, ok := socket.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			c.rawSocket = raw
		}
	}
	return c
}

// interrupt makes the connection's reads and writes fail. It may be called concurrently with
// them.
func (c *conn) interrupt() {
	_ = c.SetDeadline(time.Unix(1, 0)) // a closed connection is interrupted already
}

// abandon closes the connection. Errors are ignored, because nothing is lost with it.
func (c *conn) abandon() { _ = c.Close() }

// prepare reports whether an idle connection can carry an exchange, and sets its deadline. It
// cannot if the service closed it, or if unread bytes are pending: they would be read as the
// response.
func (c *conn) prepare(deadline time.Time) bool {
	if !time.Now().Before(c.expires) || c.SetDeadline(deadline) != nil {
		return false
	}
	return c.rawSocket == nil || c.rawSocket.Read(c.peek) == nil && c.silent
}

// drained reports whether no bytes follow a response that was read to its end. A TLS
// connection must be read for that; the deadline in the past keeps the read from waiting.
func (c *conn) drained() bool {
	if c.reader.Buffered() > 0 {
		return false
	}
	if !c.encrypted {
		return true
	}
	c.interrupt()
	var more [1]byte
	n, err := c.Read(more[:])
	return n == 0 && TimedOut(err)
}
