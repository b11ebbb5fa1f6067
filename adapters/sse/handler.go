package sse

import (
	"errors"
	"net/http"
	"net/url"
	"time"

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
// foreign origin, INVALID_REQUEST, PARSING_ERROR and VALIDATION_ERROR for a bad body, query
// or position, those of app.Authentication, QUOTA_EXCEEDED, and CONNECTION_ERROR when Redis
// cannot be reached.
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
	a, err := h.identify(r)
	if err != nil {
		return h.reject(err)
	}
	if r.Method == http.MethodHead {
		setHeader(w.Header())
		return nil
	}
	s, err := h.connect(w, r, a)
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

// applicant is a caller who asks for a stream that resumes after a position. until bounds
// how long the request may wait for an unavailable dependency.
type applicant struct {
	domain.Caller

	from  domain.Position
	until time.Time
}

// identify returns who asks for a stream.
func (h *Handler) identify(r *http.Request) (applicant, error) {
	if err := h.gate.CheckOrigin(r.Header); err != nil {
		return applicant{}, err
	}
	if r.ContentLength != 0 { // also of unknown length
		return applicant{}, &domain.Error{Code: domain.InvalidRequest, Message: "Request has a body"}
	}
	query, err := handshake.ParseQuery(r)
	if err != nil {
		return applicant{}, err
	}
	until := h.gate.Deadline()
	token, err := handshake.Token(r.Header, nil, query)
	caller, err := h.gate.Authenticate(r.Context(), until, token, err)
	if err != nil {
		return applicant{}, err
	}
	from, err := position(r.Header, query)
	return applicant{caller, from, until}, err
}

// position returns the position in the header, which a browser sends when it reconnects,
// else in the query; empty without one.
func position(h http.Header, query url.Values) (domain.Position, error) {
	at, err := handshake.Position(h["Last-Event-Id"])
	if at != "" || err != nil {
		return at, err
	}
	return handshake.Position(query["last_event_id"])
}

// connect opens a session and takes over the connection.
func (h *Handler) connect(w http.ResponseWriter, r *http.Request, a applicant) (*stream, error) {
	var s *stream
	session, err := h.gate.Open(r.Context(), a.until, delivery.SessionRequest{User: a.User, From: a.from}, func() delivery.Connection {
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
		return nil, domain.Unknown(errors.Join(errNoHijack, err)).WithOp("sse.Serve")
	}
	s.setConn(conn)
	return s, nil
}

// errNoHijack is the error of a connection that cannot be taken over, such as one of
// HTTP/2.
var errNoHijack = errors.New("the connection cannot be taken over")
