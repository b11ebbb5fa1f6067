package sse

import (
	"net/http"

	"github.com/huleedu/edge/adapters/internal/eventstream"
	"github.com/huleedu/edge/adapters/internal/handshake"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
)

// Handler serves the requests for event streams.
type Handler struct {
	manager *Manager
	gate    *handshake.Gate
}

// NewHandler returns the handler of the route of the manager's streams. environment
// decides which origins may connect.
func NewHandler(m *Manager, a *app.Authentication, r *app.Readiness, environment domain.Environment) *Handler {
	return &Handler{manager: m, gate: handshake.NewGate(handshake.GateParts{
		Hub: m.Hub, Authentication: a, Readiness: r, Spans: m.spans, Origins: m.config.Origins, Environment: environment,
	})}
}

// Serve answers a request for a stream; HEAD gets the headers only. It returns after the
// connection is hijacked; a goroutine of its own then writes the stream, so that an idle
// stream does not keep the buffers and the stack of the HTTP server. The result has the user,
// also with an error if the token was good.
//
// A returned error must be answered by HTTP, and nothing has been written then:
// INVALID_REQUEST for a request with a body, SERVICE_UNAVAILABLE while draining or over a
// limit of the node, AUTHORIZATION_ERROR for a foreign origin, PARSING_ERROR and
// VALIDATION_ERROR for a bad query or position, those of app.Authentication, QUOTA_EXCEEDED,
// and CONNECTION_ERROR when Redis cannot be reached.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) (delivery.Handshake, error) {
	s, user, err := h.open(w, r)
	switch {
	case err != nil:
		h.manager.observer.Observe(domain.ConnectionRejected{Transport: domain.TransportSSE})
		err = handshake.WithRetryAfter(err)
	case s == nil:
		eventstream.SetHeader(w.Header())
	default:
		go s.run(eventstream.Head(w.Header()))
	}
	return delivery.Handshake{User: user}, err
}

// open admits a request and opens its stream, which is nil for HEAD. The user is empty when
// the token was refused.
func (h *Handler) open(w http.ResponseWriter, r *http.Request) (s *stream, user domain.UserID, err error) {
	if r.ContentLength != 0 { // the server could not read a body after the hijack
		return nil, "", &domain.Error{Code: domain.InvalidRequest, Message: "A request for an event stream must not have a body"}
	}
	if err := h.gate.Enter(); err != nil {
		return nil, "", err
	}
	defer func() {
		if s == nil { // also after a panic
			h.manager.Leave()
		}
	}()
	a, err := h.gate.Identify(r, nil)
	if err != nil {
		return nil, "", err
	}
	// A browser that reconnects sends the header with the address of its first request.
	from, err := handshake.Position(r.Header["Last-Event-Id"], a.Query["last_event_id"])
	if err == nil && r.Method != http.MethodHead {
		s, err = h.connect(w, r, a, from)
	}
	return s, a.User, err
}

// connect opens a session and takes over the connection.
func (h *Handler) connect(w http.ResponseWriter, r *http.Request, a handshake.Applicant, from domain.Position) (*stream, error) {
	var s *stream
	session, err := h.gate.Open(r.Context(), a, from, func() delivery.Connection {
		s = newStream(h.manager, a.Caller)
		return s
	})
	if err != nil {
		return nil, err
	}
	s.session = session
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		session.Dismiss()
		return nil, domain.Unknown(err).WithOp("sse.Serve")
	}
	s.conn.SetConn(conn, h.manager.config.PeerTimeout)
	return s, nil
}
