package websocket

import (
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

// retryAfter is when a client that meets a draining node should try another.
const retryAfter = 2 * time.Second

// HandlerParts is what a Handler is made of. All are needed.
type HandlerParts struct {
	Manager  *Manager
	Sessions *app.Sessions
	History  *app.History
	Tokens   ports.TokenValidator
	// Limiter counts refused tokens per address, on this node alone.
	Limiter   ports.RateLimiter
	Readiness *app.Readiness
	Config    Config
	// Environment decides which origins may connect.
	Environment domain.Environment
	Observer    ports.Observer
	Tracer      trace.TracerProvider
	Log         *slog.Logger
}

// Handler opens users' sockets.
type Handler struct {
	HandlerParts
	spans    spans
	upgrader *websocket.Upgrader
	pace     turnstile
	origin   func(header string) bool
}

// NewHandler returns the handler of the socket's route.
func NewHandler(p HandlerParts) *Handler {
	return &Handler{
		HandlerParts: p, spans: newSpans(p.Tracer), upgrader: newUpgrader(p.Config),
		pace:   turnstile{bucket: newBucket(p.Config.MaxConnectsPerSecond, time.Second)},
		origin: p.Config.origins(p.Environment),
	}
}

// Serve answers one handshake. It returns at once after the connection was
// taken over; the socket lives on without the server's goroutine. What must be
// answered by HTTP comes back as an error and nothing has been written then:
// INVALID_REQUEST of kind UpgradeRequired, SERVICE_UNAVAILABLE while draining or
// over a limit of the node,
// AUTHORIZATION_ERROR for a foreign origin, RATE_LIMIT for a network with too
// many refused tokens. From the token on, a refusal is
// upgraded only to be told why by a close.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	if err := checkUpgrade(w, r); err != nil {
		return err
	}
	if h.Readiness.Draining() || !h.pace.pass() || !h.Manager.gate.enter() {
		return h.reject(unavailable())
	}
	goOn, err := h.open(w, r)
	if goOn == nil {
		h.Manager.gate.leave()
		return h.reject(err)
	}
	go goOn()
	return nil
}

func unavailable() error {
	return domain.Unavailable(string(domain.WebSocketService), retryAfter)
}

// reject counts a handshake that ends without an upgrade. A nil error means
// that the client itself is gone.
func (h *Handler) reject(err error) error {
	h.Observer.Observe(domain.ConnectionRejected{})
	return err
}

// open decides about the handshake and returns what goes on with the taken
// connection, which leaves the gate at its end.
func (h *Handler) open(w http.ResponseWriter, r *http.Request) (func(), error) {
	if origins := r.Header.Values("Origin"); len(origins) > 0 && !h.allowed(origins) {
		return nil, domain.Forbidden("Origin not allowed", nil)
	}
	query := r.URL.Query()
	caller, err := h.authenticate(r, query)
	if err != nil {
		if tooMany := h.countRefusal(r, err); tooMany != nil {
			return nil, tooMany
		}
		return h.refuse(w, r, err)
	}
	return h.connect(w, r, caller, query)
}

func (h *Handler) allowed(origins []string) bool {
	for _, header := range origins {
		if !h.origin(header) {
			return false
		}
	}
	return true
}

func (h *Handler) authenticate(r *http.Request, query url.Values) (domain.Caller, error) {
	token, err := credentials(r, query)
	ctx, span := h.spans.validating(r.Context(), token != "")
	defer span.End()
	if err != nil {
		return domain.Caller{}, err
	}
	return h.Tokens.Validate(ctx, token)
}

// countRefusal counts a token that was refused, or missing, against its
// network's limit and returns RATE_LIMIT for one too many. Keys that are
// missing are no fault of the token's.
func (h *Handler) countRefusal(r *http.Request, cause error) error {
	most := h.Config.RefusedTokensPerMinute
	if most == 0 || domain.CodeOf(cause) != domain.AuthenticationError {
		return nil
	}
	limit := domain.Limit{Class: domain.LimitRefused, Max: most, Window: time.Minute}
	a := h.Limiter.Take(r.Context(), "addr:"+domain.TrailOf(r.Context()).Network, limit)
	if a.Allowed {
		return nil
	}
	return domain.RateLimited(most, limit.Window, a.Reset).At("websocket.Serve")
}

// connect reserves the mailbox, admits the caller and takes the connection
// over, in this order, so that nothing is missed; a failure undoes it in
// reverse.
func (h *Handler) connect(w http.ResponseWriter, r *http.Request, caller domain.Caller, query url.Values) (func(), error) {
	ctx, span := h.spans.connecting(r.Context(), caller.User)
	defer span.End()
	from, err := resumeFrom(query)
	if err != nil {
		return nil, err
	}
	s := h.session(caller, domain.TrailOf(ctx).Correlation)
	if from != "" {
		s.box.begin()
	}
	if err := h.Manager.reserve(s); err != nil {
		return nil, unavailable()
	}
	if err := h.Sessions.Admit(ctx, caller, s.id); err != nil {
		h.Manager.index.remove(s)
		return h.refuse(w, r, err)
	}
	if err := s.resume(ctx, from); err != nil {
		h.Sessions.Dismiss(caller, s.id)
		h.Manager.index.remove(s)
		return h.refuse(w, r, err)
	}
	t, err := takeOver(w, r)
	if err != nil {
		h.Sessions.Dismiss(caller, s.id)
		h.Manager.index.remove(s)
		return nil, lost(err)
	}
	s.admitted.Store(true)
	s.link.open(t.conn)
	t.conn = &s.link
	return func() { s.run(t) }, nil
}

func (h *Handler) session(caller domain.Caller, correlation string) *session {
	s := &session{
		manager: h.Manager, caller: caller, id: uuid.NewString(),
		correlation: correlation, sessions: h.Sessions, tokens: h.Tokens, history: h.History, born: time.Now(),
	}
	s.link.owner, s.link.idle, s.link.ping = s, h.Config.IdleTimeout, h.Config.PingInterval
	s.link.sieve.bucket = newBucket(h.Config.MaxMessagesPerMinute, time.Minute)
	if h.Config.CloseOnTokenExpiry {
		s.link.expires = caller.Expires
	}
	return s
}

// lost is a connection that could not be taken over: nobody is left to answer
// when the client broke the handshake itself.
func lost(err error) error {
	if errors.Is(err, errEarlyData) {
		return nil
	}
	return domain.Unknown(err).At("websocket.Serve")
}

// refuse upgrades the connection only to close it, because a browser cannot
// see an HTTP status.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, cause error) (func(), error) {
	ctx := r.Context()
	t, err := takeOver(w, r)
	if err != nil {
		return nil, lost(err)
	}
	c := closeFor(cause)
	record(ctx, cause)
	h.Log.LogAttrs(ctx, slog.LevelInfo, "connection refused",
		slog.Int("close_code", int(c.Status)), slog.Any("error", cause))
	h.Observer.Observe(domain.ConnectionRejected{})
	h.Observer.Observe(domain.CloseSeen{Code: int(c.Status)})
	payload := c.frame(domain.TrailOf(ctx).Correlation)
	return func() { h.turnAway(t, payload) }, nil
}

// turnAway answers the handshake, closes and waits a moment for the client's
// answer, so that a reset does not destroy the reason.
func (h *Handler) turnAway(t *takeover, payload []byte) {
	defer h.Manager.gate.leave()
	defer func() { _ = t.conn.Close() }()
	conn, err := h.upgrader.Upgrade(t, t.request, t.header)
	if err != nil {
		return
	}
	if conn.WriteControl(websocket.CloseMessage, payload, time.Now().Add(sayLimit)) != nil {
		return
	}
	conn.SetReadLimit(h.Config.MaxMessageBytes)
	err = conn.SetReadDeadline(time.Now().Add(answerLimit))
	for err == nil {
		_, _, err = conn.NextReader() // until the answer, which is an error too
	}
}
