package websocket

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/olahol/melody"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// protocol is the only subprotocol that the service supports.
const protocol = "huleedu.notifications.v1"

// Manager sends messages to the connections of this node's users.
type Manager struct {
	config        Config
	observer      ports.Observer
	spans         spans
	log           *slog.Logger
	engine        *melody.Melody
	registry      *stubSessions
	admission     admission
	replayWorkers replayWorkers
	buffers       *sync.Pool // of *frameBuffer
	inflaters     *sync.Pool // of the readers of an inflater
	maxCompressed int        // bytes of a compressed message on the wire
}

var (
	_ ports.ConnectionManager = (*Manager)(nil)
	_ ports.ConnectionChecker = (*Manager)(nil)
)

// NewManager returns a manager without connections. It starts no goroutine; Drain
// ends the goroutines of the connections.
func NewManager(c Config, o ports.Observer, tp trace.TracerProvider, log *slog.Logger) *Manager {
	m := &Manager{config: c, observer: o, spans: newSpans(tp), log: log, registry: newStubSessions(), buffers: newFrameBuffers(), inflaters: newInflaters(), maxCompressed: maxCompressed}
	m.admission.limit = c.capacity(descriptors())
	m.engine = newEngine(c)
	m.engine.HandleConnect(func(ms *melody.Session) {
		m.withSession(ms, func(s *session) { s.attach(ms) })
	})
	m.engine.HandleSentMessage(func(ms *melody.Session, _ []byte) { m.withSession(ms, (*session).messageSent) })
	m.engine.HandleMessage(func(ms *melody.Session, text []byte) {
		m.withSession(ms, func(s *session) { s.handleText(text) })
	})
	m.engine.HandleMessageBinary(func(ms *melody.Session, _ []byte) { m.withSession(ms, (*session).handleBinary) })
	m.engine.HandleClose(func(ms *melody.Session, code int, _ string) error {
		m.withSession(ms, func(s *session) { s.handleClose(Status(code)) })
		return nil
	})
	m.engine.HandleError(func(ms *melody.Session, err error) {
		m.withSession(ms, func(s *session) { s.handleError(err) })
	})
	return m
}

// never is longer than a process runs.
const never = 100 * 365 * 24 * time.Hour

// newEngine configures melody for many idle sockets: write buffers are pooled, and
// melody's own queue has one slot because sendQueue queues.
func newEngine(c Config) *melody.Melody {
	e := melody.New()
	e.Config.WriteWait = writeTimeout
	e.Config.PongWait = c.PongTimeout
	e.Config.PingPeriod = never // the link pings
	e.Config.MaxMessageSize = c.MaxMessageBytes
	e.Config.MessageBufferSize = 1
	e.Upgrader = newUpgrader(c)
	return e
}

func newUpgrader(c Config) *websocket.Upgrader {
	return &websocket.Upgrader{
		EnableCompression: c.Compression,
		// Unread answers to earlier requests may have filled the socket.
		HandshakeTimeout: writeTimeout,
		ReadBufferSize:   128,
		WriteBufferSize:  4096,
		WriteBufferPool:  &sync.Pool{},
		Subprotocols:     []string{protocol},
		// The handler has checked the origin.
		CheckOrigin: func(*http.Request) bool { return true },
	}
}

// newInflater returns the inflater of one connection.
func (m *Manager) newInflater() *inflater {
	return &inflater{maxInflated: m.config.MaxMessageBytes, maxCompressed: m.maxCompressed, readers: m.inflaters}
}

// withSession calls the session that belongs to melody's. A panic ends that session
// only; in melody's writer it would end the process.
func (m *Manager) withSession(ms *melody.Session, call func(*session)) {
	s := sessionOf(ms)
	defer s.recoverPanic()
	call(s)
}

// sessionOf returns the session that belongs to melody's: the connection of each is
// a sessionConn, because nothing else is handed to the engine.
func sessionOf(ms *melody.Session) *session {
	return ms.WebsocketConnection().NetConn().(*sessionConn).session
}

// Send queues the message on every connection of its user, once each, and returns on
// how many. A connection that has the notification already is counted.
func (m *Manager) Send(message domain.Message) int {
	sessions := m.registry.sessions(message.User)
	if len(sessions) == 0 {
		return 0
	}
	l := outboundMessage{payload: message.Payload, received: message.Received, id: streamIDOf(message.Payload)}
	if l.received.IsZero() {
		l.received = time.Now()
	}
	n := 0
	for _, s := range sessions {
		if s.deliver(l, message.MissedSince) {
			n++
		}
	}
	return n
}

// Count returns how many connections the user has on this node. A connection counts
// from shortly before its handshake is answered until its close begins.
func (m *Manager) Count(user domain.UserID) int { return len(m.registry.sessions(user)) }

// Total returns how many connections all users have on this node.
func (m *Manager) Total() int { return int(m.registry.total.Load()) }

// CloseUser closes every connection of the user, each after its queued messages are
// sent, and returns how many there were.
func (m *Manager) CloseUser(user domain.UserID, reason error) int {
	sessions := m.registry.sessions(user)
	for _, s := range sessions {
		s.close(closeForError(reason))
	}
	return len(sessions)
}

// Check pings every connection of the user and closes those (4002) that do not
// answer within checkTimeout. It does not block.
func (m *Manager) Check(user domain.UserID) {
	for _, s := range m.registry.sessions(user) {
		s.conn.requestCheck(time.Now())
	}
}

// reserve registers the session before its socket exists, so that its queue gets the
// user's messages. It fails once the node drains.
func (m *Manager) reserve(s *session) error {
	if !m.registry.add(s, m.admission.isOpen) {
		return errDraining
	}
	return nil
}

var errDraining = errors.New("draining")
