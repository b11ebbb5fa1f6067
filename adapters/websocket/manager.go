package websocket

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/olahol/melody"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/internal/span"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// protocol is the only subprotocol that the service supports.
const protocol = "huleedu.notifications.v1"

// Manager serves the WebSocket connections of this node: the hub delivers the
// messages, melody runs the sockets.
type Manager struct {
	*delivery.Hub
	config        Config
	observer      ports.Observer
	spans         span.Spans
	log           *slog.Logger
	engine        *melody.Melody
	buffers       *sync.Pool // of *frameBuffer
	inflaters     *sync.Pool // of the readers of an inflater
	maxCompressed int        // bytes of a compressed message on the wire
}

var _ ports.ConnectionManager = (*Manager)(nil)

// NewManager returns a manager without connections. It sets the tracer and the transport of the parts.
// It starts no goroutine; Drain ends the goroutines of the connections.
func NewManager(c Config, p delivery.Parts, tp trace.TracerProvider) *Manager {
	spans := span.New(tp, "github.com/huleedu/edge/adapters/websocket")
	p.Tracer, p.Transport = spans.DeliveryTracer(), domain.TransportWebSocket
	p.Observer.Observe(domain.ConnectionLimit{Max: c.Capacity()})
	m := &Manager{
		Hub: delivery.NewHub(c.Delivery(), p), config: c, observer: p.Observer, spans: spans, log: p.Log,
		engine: newEngine(c), buffers: newFrameBuffers(), inflaters: newInflaters(), maxCompressed: maxCompressed,
	}
	m.handleEvents()
	return m
}

// handleEvents passes the events of a melody session to its socket.
func (m *Manager) handleEvents() {
	m.engine.HandleConnect(func(peer *melody.Session) {
		withSocket(peer, func(c *socket) { c.attach(peer) })
	})
	m.engine.HandleSentMessage(func(peer *melody.Session, _ []byte) {
		withSocket(peer, func(c *socket) { c.session.Sent() })
	})
	m.engine.HandleMessage(func(peer *melody.Session, text []byte) {
		withSocket(peer, func(c *socket) { c.handleText(text) })
	})
	m.engine.HandleMessageBinary(func(peer *melody.Session, _ []byte) { withSocket(peer, (*socket).handleBinary) })
	m.engine.HandleClose(func(peer *melody.Session, status int, _ string) error {
		withSocket(peer, func(c *socket) { c.handleClose(status) })
		return nil
	})
	m.engine.HandleError(func(peer *melody.Session, err error) {
		withSocket(peer, func(c *socket) { c.handleError(err) })
	})
}

// never is a time longer than a process runs, for a limit that must not be reached.
const never = 100 * 365 * 24 * time.Hour

// newEngine configures melody for many idle sockets: write buffers are pooled, and
// melody's own queue has one slot because sendQueue queues.
func newEngine(c Config) *melody.Melody {
	e := melody.New()
	e.Config.WriteWait = writeTimeout
	e.Config.PongWait = c.PongTimeout
	e.Config.PingPeriod = never // sessionConn pings
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

// withSocket calls the socket that belongs to melody's session. A panic ends that
// session only; in melody's writer it would end the process.
func withSocket(peer *melody.Session, call func(*socket)) {
	c := socketOf(peer)
	defer c.session.Recover()
	call(c)
}

// socketOf returns the socket that belongs to melody's session: the connection of each
// is a sessionConn, because nothing else is handed to the engine.
func socketOf(peer *melody.Session) *socket {
	return peer.WebsocketConnection().NetConn().(*sessionConn).socket
}
