//go:build unix

package websocket

import "syscall"

// writeOnce writes to the socket, which is in non-blocking mode.
func (p *frameBuffer) writeOnce(fd uintptr) {
	if n, err := syscall.Write(int(fd), p.frame); err == nil {
		p.written = n
	}
}
