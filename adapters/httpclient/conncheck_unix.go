//go:build unix

package httpclient

import (
	"errors"
	"syscall"
)

// nothingToRead reports whether a socket is open and holds nothing to be read.
// What it holds else is left there.
func nothingToRead(fd uintptr) bool {
	var next [1]byte
	_, _, err := syscall.Recvfrom(int(fd), next[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return errors.Is(err, syscall.EAGAIN)
}
