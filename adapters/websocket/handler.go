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
	refusals refusals
	waiting  *retryRoom
}

// NewHandler returns the handler of the socket's route.
func NewHandler(p HandlerParts) *Handler {
	return &Handler{
		HandlerParts: p, spans: newSpans(p.Tracer), upgrader: newUpgrader(p.Config),
		pace:     turnstile{bucket: newBucket(p.Config.MaxConnectsPerSecond, time.Second)},
		origin:   p.Config.origins(p.Environment),
		refusals: newRefusals(), waiting: newRetryRoom(p.Readiness.Draining),
	}
}

// Serve answers one handshake. It returns at once after the connection was
// taken over; the socket lives on without the server's goroutine. What must be
// answered by HTTP comes back as an error and nothing has been written then:
// INVALID_REQUEST of kind UpgradeRequired, SERVICE_UNAVAILABLE while draining or
// over a limit of the node,
// AUTHORIZATION_ERROR for a foreign origin, VALIDATION_ERROR and PARSING_ERROR for
// a bad query, RATE_LIMIT for a network with too many refused tokens. From the
// token on, a refusal is upgraded only to be told why by a close, or comes back as
// its error when the client was told lately.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	if err := checkUpgrade(w, r); err != nil {
		return err
	}
	if h.Readiness.Draining() || !h.pace.pass() || !h.Manager.gate.enter() {
		return h.reject(unavailable())
	}
	taken := false
	defer func() {
		if !taken { // also after a panic
			h.Manager.gate.leave()
		}
	}()
	goOn, err := h.open(w, r)
	if goOn == nil {
		return h.reject(err)
	}
	taken = true
	go goOn()
	return nil
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
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, domain.Unparsable("query", nil) // the cause may repeat a token
	}
	waitUntil := h.waiting.deadline()
	credential, err := credentials(r, query)
	caller, err := h.authenticate(r.Context(), waitUntil, credential, err)
	switch {
	case errors.Is(err, errBeforeUpgrade):
		return nil, err
	case err != nil:
		if tooMany := h.countRefusal(r, err); tooMany != nil {
			return nil, tooMany
		}
		return h.refuse(w, r, refused{cause: err, credential: credential})
	}
	return h.connect(w, r, caller, query, waitUntil)
}

func (h *Handler) allowed(origins []string) bool {
	for _, header := range origins {
		if !h.origin(header) {
			return false
		}
	}
	return true
}

// authenticate judges the credential, unless it was malformed. A key set that is
// away is waited for.
func (h *Handler) authenticate(ctx context.Context, waitUntil time.Time, token string, malformed error) (caller domain.Caller, err error) {
	ctx, span := h.spans.validating(ctx, malformed == nil)
	defer span.End()
	if malformed != nil {
		return domain.Caller{}, malformed
	}
	err = h.waiting.try(ctx, waitUntil, func(ctx context.Context) (err error) {
		caller, err = h.Tokens.Validate(ctx, token)
		return err
	})
	return caller, err
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

// connect admits the caller and takes the connection over. A dependency that is
// away is waited for.
func (h *Handler) connect(w http.ResponseWriter, r *http.Request, caller domain.Caller, query url.Values, waitUntil time.Time) (func(), error) {
	ctx, span := h.spans.connecting(r.Context(), caller.User)
	defer span.End()
	from, err := resumeFrom(query)
	if err != nil {
		return nil, err
	}
	var s *session
	err = h.waiting.try(ctx, waitUntil, func(ctx context.Context) (err error) {
		s, err = h.admit(ctx, caller, from)
		return err
	})
	switch {
	case errors.Is(err, errBeforeUpgrade):
		return nil, err
	case domain.CodeOf(err) == domain.QuotaExceeded:
		h.reclaim(ctx, caller)
		return h.refuse(w, r, refused{cause: err, user: caller.User})
	case err != nil:
		return h.refuse(w, r, refused{cause: err})
	}
	t, err := takeOver(w, r)
	if err != nil {
		h.dismiss(s)
		return nil, lost(err)
	}
	s.admitted.Store(true)
	if t.deflate && h.Config.Compression {
		s.link.packed = h.Manager.inflater()
	}
	s.link.open(t.conn)
	t.conn = &s.link
	return func() { s.run(t) }, nil
}

// admit reserves a mailbox, reads where the log stands, takes a place, follows the
// user and reads what the client missed, in this order, so that nothing is missed.
// A failure undoes it in reverse.
func (h *Handler) admit(ctx context.Context, caller domain.Caller, from domain.Position) (*session, error) {
	s := h.session(caller, domain.TrailOf(ctx).Correlation)
	if from != "" {
		s.box.begin()
	}
	if h.Manager.reserve(s) != nil {
		return nil, unavailable()
	}
	if from == "" {
		s.stand(ctx)
	}
	if err := h.Sessions.Admit(ctx, caller, s.id); err != nil {
		h.Manager.index.remove(s)
		return nil, err
	}
	if err := s.resume(ctx, from); err != nil {
		h.dismiss(s)
		return nil, err
	}
	return s, nil
}

// dismiss undoes admit.
func (h *Handler) dismiss(s *session) {
	h.Sessions.Dismiss(s.caller, s.id)
	h.Manager.index.remove(s)
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
