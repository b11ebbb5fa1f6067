package sse

import (
	"net/http"

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
// stream does not keep the buffers and the stack of the HTTP server.
//
// A returned error must be answered by HTTP, and nothing has been written then:
// SERVICE_UNAVAILABLE while draining or over a limit of the node, AUTHORIZATION_ERROR for a
// foreign origin, PARSING_ERROR and VALIDATION_ERROR for a bad query or position, those of
// app.Authentication, QUOTA_EXCEEDED, and CONNECTION_ERROR when Redis cannot be reached. The
// body of a request is ignored.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	if err := h.gate.Enter(); err != nil {
		return h.reject(err)
	}
	continues := false
	defer func() {
		if !continues { // also after a panic
			h.manager.Leave()
		}
	}()
	a, err := h.gate.Identify(r, nil)
	if err != nil {
		return h.reject(err)
	}
	// A browser that reconnects sends the header with the address of its first request.
	from, err := handshake.Position(r.Header["Last-Event-Id"], a.Query["last_event_id"])
	if err != nil {
		return h.reject(err)
	}
	if r.Method == http.MethodHead {
		setHeader(w.Header())
		return nil
	}
	s, err := h.connect(w, r, a, from)
	if err != nil {
		return h.reject(err)
	}
	continues = true
	go s.run(responseHead(w.Header()))
	return nil
}

// reject counts a request that gets no stream.
func (h *Handler) reject(err error) error {
	h.manager.observer.Observe(domain.ConnectionRejected{Transport: domain.TransportSSE})
	return handshake.WithRetryAfter(err)
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
	s.setConn(conn)
	return s, nil
}
