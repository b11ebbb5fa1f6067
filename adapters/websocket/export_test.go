package websocket

import "time"

// SetWaits replaces how long handshakes wait for a dependency that is away, and
// how many of them do.
func (h *Handler) SetWaits(least, most, pause time.Duration, seats int) {
	h.retrier.minWait, h.retrier.maxWait, h.retrier.interval = least, most, pause
	h.retrier.slots = make(chan struct{}, seats)
}

// SetDefaultWaits restores what production waits.
func (h *Handler) SetDefaultWaits() { h.retrier = newRetrier(h.readiness.Draining) }

// Forget drops all memory of refusals.
func (h *Handler) Forget() { h.refusals = newRefusals() }
