package websocket

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// retryAfter is the Retry-After of a 503.
const retryAfter = 2 * time.Second

// HandlerParts are the dependencies of a Handler. All are required.
type HandlerParts struct {
	Manager *Manager
	Tokens  ports.TokenValidator
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
	connects      *rate.Limiter
	originAllowed func(header string) bool
	refusals      refusals
	refusing      chan struct{} // has an element for each handshake that is upgraded only to be refused
	retrier       *retrier
	// authentication counts refused tokens per address.
	authentication *app.Authentication
}

// NewHandler returns the handler of the socket's route.
func NewHandler(p HandlerParts) *Handler {
	return &Handler{
		HandlerParts: p, spans: newSpans(p.Tracer), upgrader: newUpgrader(p.Config),
		connects:      newLimiter(p.Config.MaxConnectsPerSecond, time.Second),
		originAllowed: p.Config.origins(p.Environment),
		refusals:      newRefusals(), refusing: make(chan struct{}, maxRefusals),
		retrier: newRetrier(p.Readiness.Draining),
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
	if h.Readiness.Draining() || !h.connects.Allow() || !h.Manager.Enter() {
		return h.reject(nodeUnavailable())
	}
	continues := false
	defer func() {
		if !continues { // also after a panic
			h.Manager.Leave()
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
// connection. That function, or refuse, calls Leave.
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
	if t.deflate && h.Config.Compression {
		c.conn.inflater = h.Manager.newInflater()
	}
	c.conn.setConn(t.conn)
	t.conn = &c.conn
	return func() { c.run(t) }, nil
}

// openSession opens a session of the caller whose socket does not exist yet.
func (h *Handler) openSession(ctx context.Context, caller domain.Caller, from domain.Position) (*socket, error) {
	c := &socket{manager: h.Manager, tokens: h.Tokens}
	c.conn.socket, c.conn.idleTimeout, c.conn.pingInterval = c, h.Config.IdleTimeout, h.Config.PingInterval
	c.conn.frames.limiter = newLimiter(h.Config.MaxMessagesPerMinute, time.Minute)
	if h.Config.CloseOnTokenExpiry {
		c.conn.tokenExpiry = caller.Expires
	}
	var err error
	c.session, err = h.Manager.Open(ctx, delivery.Request{Caller: caller, ID: uuid.NewString(), From: from, Conn: c})
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
