//go:build unix

package transport

import (
	"errors"
	"syscall"
)

// nothingToRead reports whether a socket is open and has no pending bytes. It does not
// consume pending bytes.
func nothingToRead(fd uintptr) bool {
	var next [1]byte
	_, _, err := syscall.Recvfrom(int(fd), next[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return errors.Is(err, syscall.EAGAIN)
}
