package delivery

import (
	"log/slog"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Config bounds the sessions of a hub.
type Config struct {
	// QueueMessages bounds how many messages wait in one queue, including the one that
	// is being written.
	QueueMessages int
	// QueueBytes bounds the size of those messages. A single larger message is sent
	// when no other waits.
	QueueBytes int
	// DrainTimeout bounds a drain; the remaining connections are then aborted.
	DrainTimeout time.Duration
	// DrainSpread is the time over which the closes of a drain are spread.
	DrainSpread time.Duration
}

// Parts are the dependencies of a Hub. All except Tracer are required.
type Parts struct {
	// Admission is shared by the hubs of a node.
	Admission *Admission
	Quota     ports.ConnectionQuota
	Listener  ports.MessageListener
	History   ports.NotificationLog
	Observer  ports.Observer
	Log       *slog.Logger
	// Tracer is nil when no span is recorded. The transport's manager sets it.
	Tracer Tracer
	// Transport is set by the transport's manager.
	Transport domain.Transport
}

// Hub holds the sessions of one transport on this node. A transport's manager embeds
// it and so implements ports.ConnectionManager.
type Hub struct {
	*Admission
	parts    Parts
	config   Config
	registry *registry
	replays  workers // they read the next pages of logs
	lookups  workers // they find the traces of kept notifications
}

var (
	_ ports.ConnectionManager = (*Hub)(nil)
	_ ports.ConnectionChecker = (*Hub)(nil)
	_ ports.ConnectionShedder = (*Hub)(nil)
	_ ports.ConnectionLister  = (*Hub)(nil)
)

// NewHub returns a hub without sessions. It starts no goroutine; Drain awaits those
// of the sessions.
func NewHub(c Config, p Parts) *Hub {
	return &Hub{
		Admission: p.Admission, parts: p, config: c, registry: newRegistry(),
		replays: workers{admission: p.Admission, limit: maxReplayWorkers},
		lookups: workers{admission: p.Admission, limit: 1},
	}
}

// Send queues the message on every session of its user, once each, and returns on how
// many. A session that has the notification already is counted.
func (h *Hub) Send(message domain.Message) int {
	sessions := h.registry.sessions(message.User)
	if len(sessions) == 0 {
		return 0
	}
	m := outboundMessage{payload: message.Payload, received: message.Received, id: streamIDOf(message.Payload)}
	if m.received.IsZero() {
		m.received = time.Now()
	}
	n := 0
	for _, s := range sessions {
		if s.deliver(m, message.MissedSince) {
			n++
		}
	}
	return n
}

// Total returns the number of sessions. A session counts from shortly before its
// handshake is answered until its close begins.
func (h *Hub) Total() int { return h.registry.count() }

// CloseUser closes every session of the user, each after its queued messages are sent,
// and returns how many there were.
func (h *Hub) CloseUser(user domain.UserID, reason error) int {
	sessions := h.registry.sessions(user)
	for _, s := range sessions {
		s.Close(reason)
	}
	return len(sessions)
}

// Check ends the user's sessions whose client does not answer soon, if the transport
// can find out. It does not block.
func (h *Hub) Check(user domain.UserID) {
	for _, s := range h.registry.sessions(user) {
		if checker, ok := s.conn.(Checker); ok {
			checker.Check()
		}
	}
}
