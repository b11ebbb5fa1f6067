package websocket

import (
	"time"

	"github.com/huleedu/edge/adapters/internal/handshake"
)

// SetWaits replaces how long handshakes wait for an unavailable dependency, and how
// many of them wait.
func (h *Handler) SetWaits(minWait, maxWait, interval time.Duration, slots int) {
	h.gate.SetWaits(handshake.Waits{Min: minWait, Max: maxWait, Interval: interval, Handshakes: slots})
}

// SetDefaultWaits restores what production waits.
func (h *Handler) SetDefaultWaits() { h.gate.SetWaits(handshake.DefaultWaits()) }

// Forget drops all remembered refusals.
func (h *Handler) Forget() { h.refusals = newRefusals() }
