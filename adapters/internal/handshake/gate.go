// Package handshake decides which clients get a connection, for every transport of the
// notification service: the limits of the node, the origin, the token, the quota of the
// user and the subscription. A transport adds how it answers.
package handshake

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/huleedu/edge/adapters/internal/origin"
	"github.com/huleedu/edge/adapters/internal/recent"
	"github.com/huleedu/edge/adapters/internal/span"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
)

const (
	// retryAfter is the Retry-After of a 503.
	retryAfter = 2 * time.Second
	// quotaRetryAfter is the Retry-After of a user at the connection limit. Leases of
	// dead connections are free by then.
	quotaRetryAfter = 10 * time.Second
	// reclaimInterval is the minimum time between two requests of this node to check
	// the connections of one user.
	reclaimInterval = 10 * time.Second
	// maxReclaimed bounds the memory of such requests, in users.
	maxReclaimed = 1 << 16
)

// ErrNodeUnavailable is the cause of a SERVICE_UNAVAILABLE that concerns the node and not
// the client: it drains, or a limit of the node is reached.
var ErrNodeUnavailable = errors.New("the node accepts no connection now")

// nodeUnavailable is the error of a handshake that this node does not serve now.
func nodeUnavailable() error {
	return domain.Unavailable(string(domain.WebSocketService), retryAfter).WithCause(ErrNodeUnavailable)
}

// GateParts are the dependencies of a Gate. All are required.
type GateParts struct {
	Hub            *delivery.Hub
	Authentication *app.Authentication
	Readiness      *app.Readiness
	Spans          span.Spans
	// Origins are the origins whose pages may connect in the environment.
	Origins     []string
	Environment domain.Environment
}

// Gate decides about the handshakes of one transport. It is safe for concurrent use.
type Gate struct {
	GateParts

	origins   origin.List
	retrier   *retrier
	reclaimed *recent.Set // users whose connections all nodes were asked to check
}

// NewGate returns the gate of the hub's transport.
func NewGate(p GateParts) *Gate {
	g := &Gate{GateParts: p, reclaimed: recent.New(reclaimInterval, maxReclaimed), origins: origin.New(p.Origins, p.Environment)}
	g.SetWaits(DefaultWaits())
	return g
}

// SetWaits replaces the waits of production. It is called before the first handshake.
func (g *Gate) SetWaits(w Waits) { g.retrier = newRetrier(w, g.Readiness.Draining) }

// Enter admits a handshake to the node. After a nil error the hub's Leave must be called
// once, at the end of the handshake or of its connection. The error is a
// SERVICE_UNAVAILABLE with ErrNodeUnavailable.
func (g *Gate) Enter() error {
	if g.Readiness.Draining() || !g.Hub.Enter() {
		return nodeUnavailable()
	}
	return nil
}

// checkOrigin returns AUTHORIZATION_ERROR for a page of an origin that may not connect. A
// client without Origin is not a page.
func (g *Gate) checkOrigin(h http.Header) error {
	for _, header := range h["Origin"] {
		if !g.origins.Allows(header) {
			return domain.Forbidden("Origin not allowed", nil)
		}
	}
	return nil
}

// Position returns the position after which the client wants to resume, from the first of
// the sources that is not empty; empty if all are. Two positions in a source are not a
// valid one; the error is a VALIDATION_ERROR.
func Position(sources ...[]string) (domain.Position, error) {
	for _, asked := range sources {
		if strings.Join(asked, "") != "" {
			return domain.ParsePosition(strings.Join(asked, " "))
		}
	}
	return "", nil
}

// Applicant is a client that asks for a connection.
type Applicant struct {
	domain.Caller

	Query url.Values
	// Origin is the accepted web origin; empty if the client sent none.
	Origin string
	// Credential is the text that was found in place of a token; empty without any.
	Credential string
	// Until bounds how long the handshake may wait for an unavailable dependency.
	Until time.Time
}

// Identify returns who asks for a connection. offered are the tokens that the client offers
// in a way of the transport's own; nil: none. When the keys cannot be loaded it retries for
// a while. Errors: AUTHORIZATION_ERROR for a foreign origin and PARSING_ERROR for a bad
// query, before the token is looked at; those of app.Authentication; ErrNodeUnavailable.
// With an error the applicant has its credential.
func (g *Gate) Identify(r *http.Request, offered []string) (a Applicant, err error) {
	if err := g.checkOrigin(r.Header); err != nil {
		return a, err
	}
	a.Origin = r.Header.Get("Origin")
	if a.Query, err = parseQuery(r); err != nil {
		return a, err
	}
	a.Until = g.retrier.deadline()
	a.Credential, err = findToken(r.Header, offered, a.Query)
	a.Caller, err = g.authenticate(r.Context(), a, err)
	return a, err
}

// authenticate identifies the caller. malformed is the error of a request without a
// well-formed token.
func (g *Gate) authenticate(ctx context.Context, a Applicant, malformed error) (caller domain.Caller, err error) {
	ctx, validation := g.Spans.StartValidation(ctx, malformed == nil)
	defer validation.End()
	err = g.retrier.try(ctx, a.Until, func(ctx context.Context) error {
		identified, err := g.Authentication.Identify(ctx, a.Credential, malformed)
		caller = identified.Caller
		return err
	})
	return caller, err
}

// parseQuery returns the query of the request. It returns PARSING_ERROR, which does not
// repeat the query, because that may contain a token.
func parseQuery(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, domain.ParseFailure("query", nil)
	}
	return query, nil
}

// Open opens a session of the applicant that resumes after the position. connection returns
// the connection of the session and is called once per attempt. When a dependency is
// unavailable it retries for a while. Errors: those of delivery.Hub, and
// ErrNodeUnavailable.
func (g *Gate) Open(ctx context.Context, a Applicant, from domain.Position, connection func() delivery.Connection) (session *delivery.Session, err error) {
	ctx, connect := g.Spans.StartConnect(ctx, a.User)
	defer connect.End()
	err = g.retrier.try(ctx, a.Until, func(ctx context.Context) (err error) {
		session, err = g.Hub.Open(ctx, delivery.SessionRequest{User: a.User, ID: uuid.NewString(), From: from, Origin: a.Origin, Conn: connection()})
		if errors.Is(err, delivery.ErrDraining) {
			return nodeUnavailable()
		}
		return err
	})
	if domain.CodeOf(err) == domain.QuotaExceeded && g.reclaimed.Add(string(a.User)) {
		g.Hub.Reclaim(ctx, a.User)
	}
	return session, err
}

// WithRetryAfter adds a Retry-After to the errors of Identify and Open that need one
// when they are answered by HTTP.
func WithRetryAfter(cause error) error {
	e := domain.As(cause)
	switch {
	case e.RetryAfter > 0:
		return e
	case e.Code == domain.QuotaExceeded:
		return e.WithRetryAfter(quotaRetryAfter)
	case retryable(e):
		return e.WithRetryAfter(retryAfter)
	default:
		return e
	}
}
