package websocket

import "time"

// SetWaits replaces how long handshakes wait for a dependency that is away, and
// how many of them do.
func (h *Handler) SetWaits(least, most, pause time.Duration, seats int) {
	h.waiting.least, h.waiting.most, h.waiting.pause = least, most, pause
	h.waiting.seats = make(chan struct{}, seats)
}

// SetDefaultWaits restores what production waits.
func (h *Handler) SetDefaultWaits() { h.waiting = newRetryRoom(h.Readiness.Draining) }

// Forget drops all memory of refusals.
func (h *Handler) Forget() { h.refusals = newRefusals() }
