package wire

import (
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/ports"
)

// memoryRateLimiter counts in this process only.
func memoryRateLimiter() adapter[ports.RateLimiter] {
	return func(*lifecycle) (ports.RateLimiter, error) { return memory.NewRateLimiter(), nil }
}
