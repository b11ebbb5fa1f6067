package clientconn

import (
	"net"
	"syscall"
	"time"
)

// tcpUserTimeout is the option TCP_USER_TIMEOUT of Linux, in milliseconds.
const tcpUserTimeout = 0x12

// SetPeerTimeout bounds how long the client's host may leave sent data unacknowledged or
// accept none. The connection then ends with ETIMEDOUT. Connections that are not TCP have
// no such limit.
func SetPeerTimeout(conn net.Conn, d time.Duration) {
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secured.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil { // the connection is closed
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(d.Milliseconds())) // an optimization
	})
}
