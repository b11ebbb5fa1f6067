//go:build !linux

package clientconn

import (
	"net"
	"time"
)

// SetPeerTimeout does nothing: the limits of the system apply.
func SetPeerTimeout(net.Conn, time.Duration) {}
