//go:build !unix

package websocket

import "math"

// descriptors returns how many files this process may have open: the system sets no limit.
func descriptors() uint64 { return math.MaxUint64 }
