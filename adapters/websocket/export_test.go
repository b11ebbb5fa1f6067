package websocket

import "time"

// SetWaits replaces how long handshakes wait for an unavailable dependency, and how
// many of them wait.
func (h *Handler) SetWaits(minWait, maxWait, interval time.Duration, slots int) {
	h.retrier.minWait, h.retrier.maxWait, h.retrier.interval = minWait, maxWait, interval
	h.retrier.slots = make(chan struct{}, slots)
}

// SetDefaultWaits restores what production waits.
func (h *Handler) SetDefaultWaits() { h.retrier = newRetrier(h.readiness.Draining) }

// Forget drops all remembered refusals.
func (h *Handler) Forget() { h.refusals = newRefusals() }
