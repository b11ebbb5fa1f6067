//go:build !linux

package clientconn

import (
	"net"
	"time"
)

// setPeerTimeout does nothing: the limits of the system apply.
func setPeerTimeout(net.Conn, time.Duration) {}
