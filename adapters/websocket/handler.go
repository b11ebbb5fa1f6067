package websocket

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// retryAfter is the Retry-After of a 503.
const retryAfter = 2 * time.Second

// HandlerParts are the dependencies of a Handler. All are required.
type HandlerParts struct {
	Manager  *Manager
	Sessions *app.Sessions
	History  *app.History
	Tokens   ports.TokenValidator
	// Limiter counts refused tokens per address, on this node only.
	Limiter   ports.RateLimiter
	Readiness *app.Readiness
	Config    Config
	// Environment decides which origins may connect.
	Environment domain.Environment
	Observer    ports.Observer
	Tracer      trace.TracerProvider
	Log         *slog.Logger
}

// Handler serves the WebSocket handshakes.
type Handler struct {
	HandlerParts
	spans         spans
	upgrader      *websocket.Upgrader
	connects      connectLimiter
	originAllowed func(header string) bool
	refusals      refusals
	retrier       *retrier

	authentication *app.Authentication
}

// NewHandler returns the handler of the socket's route.
func NewHandler(p HandlerParts) *Handler {
	return &Handler{
		HandlerParts: p, spans: newSpans(p.Tracer), upgrader: newUpgrader(p.Config),
		connects:      connectLimiter{bucket: newTokenBucket(p.Config.MaxConnectsPerSecond, time.Second)},
		originAllowed: p.Config.origins(p.Environment),
		refusals:      newRefusals(), retrier: newRetrier(p.Readiness.Draining),
		authentication: app.NewAuthentication(p.Tokens, p.Limiter, p.Observer,
			domain.Limit{Class: domain.LimitRefused, Max: p.Config.RefusedTokensPerMinute, Window: time.Minute}),
	}
}

// Serve serves one handshake. It returns after the connection is hijacked; a
// goroutine of its own then serves the session. A returned error must be answered by
// HTTP, and nothing has been written then: INVALID_REQUEST of kind UpgradeRequired
// or for a malformed handshake, SERVICE_UNAVAILABLE while draining or over a limit
// of the node, AUTHORIZATION_ERROR for a foreign origin, VALIDATION_ERROR and
// PARSING_ERROR for a bad query, RATE_LIMIT for an address with too many refused
// tokens.
//
// Once the token is checked, a refusal is upgraded and told by a close frame, or
// returned as its error when the client was told recently.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	if err := checkUpgrade(w, r); err != nil {
		return err
	}
	if h.Readiness.Draining() || !h.connects.allow() || !h.Manager.admission.enter() {
		return h.reject(nodeUnavailable())
	}
	continues := false
	defer func() {
		if !continues { // also after a panic
			h.Manager.admission.leave()
		}
	}()
	continuation, err := h.open(w, r)
	if continuation == nil {
		return h.reject(err)
	}
	continues = true
	go continuation()
	return nil
}

// reject counts a handshake that ends without an upgrade. A nil error means that the
// client has closed the connection.
func (h *Handler) reject(err error) error {
	h.Observer.Observe(domain.ConnectionRejected{})
	return err
}

// open decides about the handshake and returns the function that serves the hijacked
// connection. That function leaves the admission at its end.
func (h *Handler) open(w http.ResponseWriter, r *http.Request) (func(), error) {
	if origins := r.Header.Values("Origin"); len(origins) > 0 && !h.allowed(origins) {
		return nil, domain.Forbidden("Origin not allowed", nil)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, domain.ParseFailure("query", nil) // the cause may repeat a token
	}
	waitUntil := h.retrier.deadline()
	credential, err := requestToken(r, query)
	caller, err := h.authenticate(r.Context(), waitUntil, credential, err)
	switch {
	case errors.Is(err, errBeforeUpgrade):
		return nil, err
	case domain.CodeOf(err) == domain.RateLimit:
		return nil, err
	case err != nil:
		return h.refuse(w, r, refusal{cause: err, credential: credential})
	}
	return h.connect(w, r, caller, query, waitUntil)
}

// allowed reports whether every Origin header names an allowed origin.
func (h *Handler) allowed(origins []string) bool {
	for _, header := range origins {
		if !h.originAllowed(header) {
			return false
		}
	}
	return true
}

// authenticate identifies the caller. malformed is the error of a request without a
// well-formed token. When the keys cannot be loaded it retries until the given time.
func (h *Handler) authenticate(ctx context.Context, waitUntil time.Time, token string, malformed error) (caller domain.Caller, err error) {
	ctx, span := h.spans.startValidation(ctx, malformed == nil)
	defer span.End()
	err = h.retrier.try(ctx, waitUntil, func(ctx context.Context) error {
		identified, err := h.authentication.Identify(ctx, token, malformed)
		caller = identified.Caller
		return err
	})
	return caller, err
}

// connect admits the caller and hijacks the connection. When a dependency is
// unavailable it retries until the given time.
func (h *Handler) connect(w http.ResponseWriter, r *http.Request, caller domain.Caller, query url.Values, waitUntil time.Time) (func(), error) {
	ctx, span := h.spans.startConnect(r.Context(), caller.User)
	defer span.End()
	from, err := requestedPosition(query)
	if err != nil {
		return nil, err
	}
	var s *session
	err = h.retrier.try(ctx, waitUntil, func(ctx context.Context) (err error) {
		s, err = h.admit(ctx, caller, from)
		return err
	})
	switch {
	case errors.Is(err, errBeforeUpgrade):
		return nil, err
	case domain.CodeOf(err) == domain.QuotaExceeded:
		h.reclaim(ctx, caller)
		return h.refuse(w, r, refusal{cause: err, user: caller.User})
	case err != nil:
		return h.refuse(w, r, refusal{cause: err})
	}
	t, err := hijack(w, r)
	if err != nil {
		h.dismiss(s)
		return nil, hijackError(err)
	}
	s.admitted.Store(true)
	if t.deflate && h.Config.Compression {
		s.conn.inflater = h.Manager.newInflater()
	}
	s.conn.setConn(t.conn)
	t.conn = &s.conn
	return func() { s.run(t) }, nil
}

// admit registers the session, reads the position of the user's log, acquires a
// lease, subscribes and reads what the client missed. The order ensures that no
// message is missed. A failure undoes the steps in reverse order.
func (h *Handler) admit(ctx context.Context, caller domain.Caller, from domain.Position) (*session, error) {
	s := h.session(caller, domain.RequestContextOf(ctx).CorrelationID)
	if from != "" {
		s.queue.beginReplay()
	}
	if h.Manager.reserve(s) != nil {
		return nil, nodeUnavailable()
	}
	if from == "" {
		s.notePosition(ctx)
	}
	if err := h.Sessions.Admit(ctx, caller, s.id); err != nil {
		h.Manager.registry.remove(s)
		return nil, err
	}
	if err := s.loadMissed(ctx, from); err != nil {
		h.dismiss(s)
		return nil, err
	}
	return s, nil
}

// dismiss undoes admit.
func (h *Handler) dismiss(s *session) {
	h.Sessions.Dismiss(s.caller, s.id)
	h.Manager.registry.remove(s)
}

// session returns a new session of the caller.
func (h *Handler) session(caller domain.Caller, correlation string) *session {
	s := &session{
		manager: h.Manager, caller: caller, id: uuid.NewString(),
		correlation: correlation, sessions: h.Sessions, tokens: h.Tokens, history: h.History, createdAt: time.Now(),
	}
	s.conn.session, s.conn.idleTimeout, s.conn.pingInterval = s, h.Config.IdleTimeout, h.Config.PingInterval
	s.conn.frames.bucket = newTokenBucket(h.Config.MaxMessagesPerMinute, time.Minute)
	if h.Config.CloseOnTokenExpiry {
		s.conn.tokenExpiry = caller.Expires
	}
	return s
}

// hijackError returns the error of a connection that could not be hijacked; nil when
// the client broke the handshake, because then it cannot be answered.
func hijackError(err error) error {
	if errors.Is(err, errEarlyData) {
		return nil
	}
	return domain.Unknown(err).WithOp("websocket.Serve")
}
