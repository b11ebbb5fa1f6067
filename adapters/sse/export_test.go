package sse

import (
	"time"

	"github.com/huleedu/edge/adapters/internal/handshake"
)

// SetWaits replaces how long requests wait for an unavailable dependency.
func (h *Handler) SetWaits(minWait, maxWait time.Duration) {
	h.gate.SetWaits(handshake.Waits{Min: minWait, Max: maxWait, Interval: 5 * time.Millisecond, Handshakes: 100})
}
