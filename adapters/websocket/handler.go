package websocket

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"github.com/huleedu/edge/adapters/internal/origin"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// retryAfter is the Retry-After of a 503.
const retryAfter = 2 * time.Second

// Handler serves the WebSocket handshakes.
type Handler struct {
	manager        *Manager
	tokens         ports.TokenValidator
	authentication *app.Authentication
	readiness      *app.Readiness
	upgrader       *websocket.Upgrader
	connects       *rate.Limiter
	origins        origin.List
	refusals       refusals
	refusing       chan struct{} // has an element for each handshake that is upgraded only to be refused
	retrier        *retrier
}

// NewHandler returns the handler of the route of the manager's connections. limiter
// counts refused tokens per address, on this node only. environment decides which
// origins may connect.
func NewHandler(m *Manager, tokens ports.TokenValidator, limiter ports.RateLimiter, r *app.Readiness, environment domain.Environment) *Handler {
	refused := domain.Limit{Class: domain.LimitRefused, Max: m.config.RefusedTokensPerMinute, Window: time.Minute}
	return &Handler{
		manager: m, tokens: tokens, authentication: app.NewAuthentication(tokens, limiter, m.observer, refused),
		readiness: r, upgrader: newUpgrader(m.config),
		connects: newLimiter(m.config.MaxConnectsPerSecond, time.Second), origins: origin.New(m.config.Origins, environment),
		refusals: newRefusals(), refusing: make(chan struct{}, maxRefusals), retrier: newRetrier(r.Draining),
	}
}

// Serve serves one handshake. It returns after the connection is hijacked; a
// goroutine of its own then serves the session. A returned error must be answered by
// HTTP, and nothing has been written then: INVALID_REQUEST for a missing upgrade
// or a malformed handshake, SERVICE_UNAVAILABLE while draining or over a limit
// of the node, AUTHORIZATION_ERROR for a foreign origin, VALIDATION_ERROR and
// PARSING_ERROR for a bad query, RATE_LIMIT for an address with too many refused
// tokens.
//
// Once the token is checked, a refused handshake is upgraded and closed with the
// reason. It is refused by the returned error when that was done recently.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	if err := checkUpgrade(w, r); err != nil {
		return err
	}
	if h.readiness.Draining() || !h.connects.Allow() || !h.manager.Enter() {
		return h.reject(nodeUnavailable())
	}
	continues := false
	defer func() {
		if !continues { // also after a panic
			h.manager.Leave()
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
	h.manager.observer.Observe(domain.ConnectionRejected{})
	return err
}

// open decides about the handshake and returns the function that serves the hijacked
// connection. That function, or refuse, calls Leave.
func (h *Handler) open(w http.ResponseWriter, r *http.Request) (func(), error) {
	for _, header := range r.Header["Origin"] {
		if !h.origins.Allows(header) {
			return nil, domain.Forbidden("Origin not allowed", nil)
		}
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, domain.ParseFailure("query", nil) // the cause may repeat a token
	}
	waitUntil := h.retrier.deadline()
	credential, err := requestToken(r, query)
	caller, err := h.authenticate(r.Context(), waitUntil, credential, err)
	switch {
	case errors.Is(err, errBeforeUpgrade), domain.CodeOf(err) == domain.RateLimit:
		return nil, err
	case err != nil:
		return h.refuse(w, r, refusal{cause: err, credential: credential})
	}
	return h.connect(w, r, caller, query, waitUntil)
}

// authenticate identifies the caller. malformed is the error of a request without a
// well-formed token. When the keys cannot be loaded it retries until the given time.
func (h *Handler) authenticate(ctx context.Context, waitUntil time.Time, token string, malformed error) (caller domain.Caller, err error) {
	ctx, span := h.manager.spans.startValidation(ctx, malformed == nil)
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
	ctx, span := h.manager.spans.startConnect(r.Context(), caller.User)
	defer span.End()
	from, err := requestedPosition(query)
	if err != nil {
		return nil, err
	}
	var c *socket
	err = h.retrier.try(ctx, waitUntil, func(ctx context.Context) (err error) {
		c, err = h.openSession(ctx, caller, from)
		return err
	})
	switch {
	case errors.Is(err, errBeforeUpgrade):
		return nil, err
	case domain.CodeOf(err) == domain.QuotaExceeded:
		h.reclaim(ctx, caller.User)
		return h.refuse(w, r, refusal{cause: err, user: caller.User})
	case err != nil:
		return h.refuse(w, r, refusal{cause: err})
	}
	t, err := hijack(w, r)
	if err != nil {
		c.session.Dismiss()
		return nil, hijackError(err)
	}
	if t.deflate && h.manager.config.Compression {
		c.conn.inflater = h.manager.newInflater()
	}
	c.conn.setConn(t.conn)
	t.conn = &c.conn
	return func() { c.run(t) }, nil
}

// openSession opens a session of the caller whose socket does not exist yet.
func (h *Handler) openSession(ctx context.Context, caller domain.Caller, from domain.Position) (*socket, error) {
	c := &socket{manager: h.manager, tokens: h.tokens}
	c.conn.socket, c.conn.idleTimeout, c.conn.pingInterval = c, h.manager.config.IdleTimeout, h.manager.config.PingInterval
	c.conn.frames.limiter = newLimiter(h.manager.config.MaxMessagesPerMinute, time.Minute)
	if h.manager.config.CloseOnTokenExpiry {
		c.conn.tokenExpiry = caller.Expires
	}
	var err error
	c.session, err = h.manager.Open(ctx, delivery.SessionRequest{User: caller.User, ID: uuid.NewString(), From: from, Conn: c})
	if errors.Is(err, delivery.ErrDraining) {
		return nil, nodeUnavailable()
	}
	return c, err
}

// requestedPosition returns the position in the query; empty without one.
func requestedPosition(query url.Values) (domain.Position, error) {
	asked := query["last_event_id"]
	if strings.Join(asked, "") == "" {
		return "", nil
	}
	return domain.ParsePosition(strings.Join(asked, " ")) // two positions are not a valid one
}

// hijackError returns the error of a connection that could not be hijacked; nil when
// the client broke the handshake, because then it cannot be answered.
func hijackError(err error) error {
	if errors.Is(err, errEarlyData) {
		return nil
	}
	return domain.Unknown(err).WithOp("websocket.Serve")
}
