package delivery

import "github.com/huleedu/edge/domain"

// Connections returns the state of each session of the user, in the order of their handshakes.
func (h *Hub) Connections(user domain.UserID) []domain.ConnectionState {
	sessions := h.registry.sessions(user)
	out := make([]domain.ConnectionState, 0, len(sessions))
	for _, s := range sessions {
		out = append(out, s.state())
	}
	return out
}

// state returns the session as operators see it.
func (s *Session) state() domain.ConnectionState {
	c := domain.ConnectionState{Session: s.id, Transport: s.hub.parts.Transport, Since: s.createdAt, Origin: s.origin.Value()}
	if s.attached.Load() {
		c.Since = s.acceptedAt
	}
	c.LastPosition, c.QueuedMessages, c.QueuedBytes = s.queue.usage()
	return c
}

// usage returns the client's position, which is empty if it is not known, and the messages
// that count against the bounds.
func (q *sendQueue) usage() (last domain.Position, messages, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	last = q.last.position()
	if last == "" && q.lastKnown {
		last = domain.PositionStart
	}
	return last, q.count, q.bytes
}
