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

// protocol is the one subprotocol that is spoken.
const protocol = "huleedu.notifications.v1"

// Manager reaches the sockets of this node's users.
type Manager struct {
	config        Config
	observer      ports.Observer
	spans         spans
	log           *slog.Logger
	engine        *melody.Melody
	registry      *registry
	admission     admission
	replayWorkers replayWorkers
	buffers       *sync.Pool // of *pen
	inflaters     *sync.Pool // of the readers of an inflater
	maxCompressed int        // bytes of a compressed message
}

var (
	_ ports.ConnectionManager = (*Manager)(nil)
	_ ports.ConnectionChecker = (*Manager)(nil)
)

// NewManager returns a manager without connections. It has no goroutine of its
// own; Drain ends those of the connections.
func NewManager(c Config, o ports.Observer, tp trace.TracerProvider, log *slog.Logger) *Manager {
	m := &Manager{config: c, observer: o, spans: newSpans(tp), log: log, registry: newRegistry(), buffers: newFrameBuffers(), inflaters: newInflaters(), maxCompressed: maxCompressed}
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

// never is longer than any process lives.
const never = 100 * 365 * 24 * time.Hour

// newEngine tunes melody for many quiet sockets: buffers are borrowed while
// something is written, and its queue is one slot, since the mailbox queues.
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
		// Answers to earlier requests that were never read may have filled the socket.
		HandshakeTimeout: writeTimeout,
		ReadBufferSize:   128,
		WriteBufferSize:  4096,
		WriteBufferPool:  &sync.Pool{},
		Subprotocols:     []string{protocol},
		// The handler has judged the origin before anything else was done.
		CheckOrigin: func(*http.Request) bool { return true },
	}
}

func (m *Manager) newInflater() *inflater {
	return &inflater{maxInflated: m.config.MaxMessageBytes, maxCompressed: m.maxCompressed, readers: m.inflaters}
}

// withSession calls the session behind melody's; a panic there ends that session
// alone. In melody's writer it would end the process.
func (m *Manager) withSession(ms *melody.Session, call func(*session)) {
	s := sessionOf(ms)
	defer s.recoverPanic()
	call(s)
}

// sessionOf finds the session that owns melody's: its connection is the link,
// since nothing else is ever handed to the engine.
func sessionOf(ms *melody.Session) *session {
	return ms.WebsocketConnection().NetConn().(*sessionConn).session
}

// Send queues the message on every connection of its user, once each, and
// returns on how many. One that has the notification already counts too.
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
		if s.deliver(l, message.Missed) {
			n++
		}
	}
	return n
}

// Count returns how many connections the user has here. One counts from just
// before its handshake is answered until it is told to go.
func (m *Manager) Count(user domain.UserID) int { return len(m.registry.sessions(user)) }

// Total returns how many connections all users have here.
func (m *Manager) Total() int { return int(m.registry.total.Load()) }

// CloseUser closes every connection of the user, each after what is queued on
// it, and returns how many there were.
func (m *Manager) CloseUser(user domain.UserID, reason error) int {
	sessions := m.registry.sessions(user)
	for _, s := range sessions {
		s.close(closeForError(reason))
	}
	return len(sessions)
}

// Check pings every connection of the user and closes (4002) those that do not
// answer within checkLimit.
func (m *Manager) Check(user domain.UserID) {
	for _, s := range m.registry.sessions(user) {
		s.conn.requestCheck(time.Now())
	}
}

// reserve gives the session its place in the index, so that messages find its
// mailbox before there is a socket.
func (m *Manager) reserve(s *session) error {
	if !m.registry.add(s, m.admission.isOpen) {
		return errDraining
	}
	return nil
}

var errDraining = errors.New("draining")
