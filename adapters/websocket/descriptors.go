package websocket

import (
	"math"
	"syscall"
)

// descriptors is how many files this process may have open, sockets included.
func descriptors() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64 // unknown: whatever the system gives
	}
	return limit.Cur
}
