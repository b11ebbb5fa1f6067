//go:build unix

package websocket

import (
	"math"
	"syscall"
)

// descriptors returns how many files this process may have open, including sockets.
func descriptors() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64 // unknown: assume no limit
	}
	return limit.Cur
}
