package websocket

import (
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/huleedu/edge/adapters/internal/handshake"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Handler serves the WebSocket handshakes.
type Handler struct {
	manager  *Manager
	gate     *handshake.Gate
	tokens   ports.TokenValidator
	upgrader *websocket.Upgrader
	refusals refusals
	refusing chan struct{} // has an element for each handshake that is upgraded only to be refused
}

// NewHandler returns the handler of the route of the manager's connections. tokens
// validates the token of a refresh. environment decides which origins may connect.
func NewHandler(m *Manager, tokens ports.TokenValidator, a *app.Authentication, r *app.Readiness, environment domain.Environment) *Handler {
	return &Handler{
		manager: m, tokens: tokens, upgrader: newUpgrader(m.config), refusals: newRefusals(), refusing: make(chan struct{}, maxRefusals),
		gate: handshake.NewGate(handshake.GateParts{
			Hub: m.Hub, Authentication: a, Readiness: r, Spans: m.spans, Origins: m.config.Origins, Environment: environment,
		}),
	}
}

// Serve serves one handshake. It returns its outcome after the connection is hijacked; a
// goroutine of its own then serves the session. A returned error must be answered by
// HTTP, and nothing has been written then: INVALID_REQUEST for a missing upgrade
// or a malformed handshake, SERVICE_UNAVAILABLE while draining or over a limit
// of the node, AUTHORIZATION_ERROR for a foreign origin, VALIDATION_ERROR and
// PARSING_ERROR for a bad query, RATE_LIMIT for an address with too many refused
// tokens.
//
// Once the token is checked, a refused handshake is upgraded and closed with the
// reason. It is refused by the returned error when that was done recently.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) (delivery.Handshake, error) {
	if err := checkUpgrade(w, r); err != nil {
		return delivery.Handshake{}, err
	}
	if err := h.gate.Enter(); err != nil {
		return delivery.Handshake{}, h.reject(err)
	}
	continues := false
	defer func() {
		if !continues { // also after a panic
			h.manager.Leave()
		}
	}()
	hijacked, err := h.open(w, r)
	if hijacked == nil {
		return delivery.Handshake{}, h.reject(err)
	}
	continues = true
	go hijacked.serve()
	return hijacked.Handshake, nil
}

// continuation serves a hijacked connection, after Serve has returned.
type continuation struct {
	delivery.Handshake

	// serve returns when the connection has ended.
	serve func()
}

// reject counts a handshake that ends without an upgrade. A nil error means that the
// client has closed the connection.
func (h *Handler) reject(err error) error {
	h.manager.observer.Observe(domain.ConnectionRejected{Transport: domain.TransportWebSocket})
	return err
}

// open decides about the handshake and returns the continuation of the hijacked
// connection. Its function, or refuse, calls Leave.
func (h *Handler) open(w http.ResponseWriter, r *http.Request) (*continuation, error) {
	a, err := h.gate.Identify(r, offeredTokens(r))
	switch {
	case isRefusedByHTTP(err):
		return nil, err
	case err != nil:
		return h.refuse(w, r, refusal{cause: err, credential: a.Credential})
	}
	return h.connect(w, r, a)
}

// isRefusedByHTTP reports whether the error is always answered before the upgrade: it
// concerns the node, or comes before the token, or the address has too many refused tokens.
func isRefusedByHTTP(err error) bool {
	switch domain.CodeOf(err) {
	case domain.RateLimit, domain.AuthorizationError, domain.ParsingError:
		return true
	default:
		return errors.Is(err, handshake.ErrNodeUnavailable)
	}
}

// connect admits the caller and hijacks the connection.
func (h *Handler) connect(w http.ResponseWriter, r *http.Request, a handshake.Applicant) (*continuation, error) {
	from, err := handshake.Position(a.Query["last_event_id"])
	if err != nil {
		return nil, err
	}
	var c *socket
	session, err := h.gate.Open(r.Context(), a, from, func() delivery.Connection {
		c = h.newSocket(a.Caller)
		return c
	})
	switch {
	case errors.Is(err, handshake.ErrNodeUnavailable):
		return nil, err
	case err != nil:
		return h.refuse(w, r, refusal{cause: err, user: a.User})
	}
	c.session = session
	t, err := hijack(w, r)
	if err != nil {
		session.Dismiss()
		return nil, hijackError(err)
	}
	if t.deflate && h.manager.config.Compression {
		c.conn.inflater = h.manager.newInflater()
	}
	c.conn.setConn(t.conn)
	t.conn = &c.conn
	return &continuation{delivery.Handshake{User: a.User}, func() { c.run(t) }}, nil
}

// newSocket returns the connection of a session whose socket does not exist yet.
func (h *Handler) newSocket(caller domain.Caller) *socket {
	c := &socket{manager: h.manager, tokens: h.tokens}
	c.conn.socket, c.conn.idleTimeout, c.conn.pingInterval = c, h.manager.config.IdleTimeout, h.manager.config.PingInterval
	c.conn.frames.limiter = newLimiter(h.manager.config.MaxMessagesPerMinute, time.Minute)
	if h.manager.config.CloseOnTokenExpiry {
		c.conn.tokenExpiry = caller.Expires
	}
	return c
}

// hijackError returns the error of a connection that could not be hijacked; nil when
// the client broke the handshake, because then it cannot be answered.
func hijackError(err error) error {
	if errors.Is(err, errEarlyData) {
		return nil
	}
	return domain.Unknown(err).WithOp("websocket.Serve")
}
