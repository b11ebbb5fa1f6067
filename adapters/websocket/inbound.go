package websocket

import (
	"context"
	"math"
	"time"
	"unicode/utf8"

	"github.com/huleedu/edge/adapters/internal/closecode"
	"github.com/huleedu/edge/adapters/internal/jsonmember"
	"github.com/huleedu/edge/domain"
)

// pong is the frame that answers a client's ping frame, both in JSON.
const pong = `{"type":"pong"}`

// handleText handles a text frame of the client. Text that is not UTF-8 closes the
// session; unknown frames are ignored.
func (c *socket) handleText(text []byte) {
	if !utf8.Valid(text) {
		c.session.Abort(closecode.InvalidUTF8)
		return
	}
	command := parseCommand(text)
	c.manager.observer.Observe(domain.FrameReceived{Type: command.kind})
	switch command.kind {
	case domain.FramePing:
		c.session.Reply([]byte(pong))
	case domain.FrameRefresh:
		c.handleRefresh(command.token)
	case domain.FrameIgnored:
	}
}

// handleBinary ignores a binary frame.
func (c *socket) handleBinary() {
	c.manager.observer.Observe(domain.FrameReceived{Type: domain.FrameIgnored})
}

// command is the content of a client's text frame.
type command struct {
	kind  domain.FrameType
	token string // of a refresh; empty without one
}

// parseCommand parses a text frame; an unknown frame is FrameIgnored. Member names
// must match exactly. A frame with two types is unknown; a refresh with two tokens
// has no token. A value that is not a string counts as an empty one.
func parseCommand(text []byte) command {
	object, err := jsonmember.Parse(text, math.MaxInt) // the size of a frame is limited
	types, tokens := object.Find("type"), object.Find("token")
	if err != nil || len(types) != 1 {
		return command{kind: domain.FrameIgnored}
	}
	switch kind := domain.FrameType(jsonmember.Text(object.Value(types[0]))); {
	case kind == domain.FrameRefresh && len(tokens) == 1:
		return command{kind: kind, token: jsonmember.Text(object.Value(tokens[0]))}
	case kind == domain.FrameRefresh, kind == domain.FramePing:
		return command{kind: kind}
	default:
		return command{kind: domain.FrameIgnored}
	}
}

// handleRefresh replaces the token, and with it the time at which the session
// expires. Anything but a valid token of the same user closes the session.
func (c *socket) handleRefresh(token string) {
	caller, err := c.validateToken(token)
	if err != nil {
		c.session.Close(err)
		return
	}
	if c.manager.config.CloseOnTokenExpiry {
		c.conn.extendToken(caller.Expires)
	}
	c.session.Reply(refreshed(caller.Expires))
}

// validateToken validates the token of a refresh and its user.
func (c *socket) validateToken(token string) (domain.Caller, error) {
	ctx := domain.WithRequestContext(context.Background(), domain.RequestContext{CorrelationID: c.session.Correlation})
	ctx, span := c.manager.spans.StartValidation(ctx, token != "")
	defer span.End()
	if token == "" {
		return domain.Caller{}, domain.NotAuthenticated()
	}
	caller, err := c.tokens.Validate(ctx, token)
	if err != nil {
		return domain.Caller{}, err
	}
	if caller.User != c.session.User {
		return domain.Caller{}, domain.TokenInvalid(domain.ReasonSubject)
	}
	return caller, nil
}

// refreshed returns the answer to a valid token.
func refreshed(expires time.Time) []byte {
	return []byte(`{"type":"refreshed","expires_at":"` + expires.UTC().Format("2006-01-02T15:04:05.000000Z07:00") + `"}`)
}
