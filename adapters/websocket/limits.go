package websocket

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// newLimiter returns a token bucket of the given number of tokens, full at the
// beginning, which are all replaced in the given time; 0 sets no limit.
func newLimiter(tokens int, in time.Duration) *rate.Limiter {
	if tokens <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Every(in/time.Duration(tokens)), tokens)
}

// reservedDescriptors is the minimum number of file descriptors that are kept free
// for Redis, Kafka, HTTP and files; otherwise it is a tenth of the limit.
const reservedDescriptors = 100

// Capacity returns how many connections this node holds.
func (c Config) Capacity() int { return c.capacity(descriptors()) }

// capacity returns how many connections a node holds: the configured number, or what
// the limit of open files leaves.
func (c Config) capacity(descriptors uint64) int {
	if c.MaxConnections > 0 {
		return c.MaxConnections
	}
	spare := max(reservedDescriptors, descriptors/10)
	if descriptors <= spare {
		return 1
	}
	return int(min(descriptors-spare, math.MaxInt32))
}
