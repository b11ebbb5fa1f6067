package websocket

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
)

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
	ctx := domain.WithRequestContext(context.Background(), domain.RequestContext{CorrelationID: c.session.Correlation()})
	ctx, span := c.manager.spans.startValidation(ctx, token != "")
	defer span.End()
	if token == "" {
		return domain.Caller{}, domain.NotAuthenticated()
	}
	caller, err := c.tokens.Validate(ctx, token)
	if err != nil {
		return domain.Caller{}, err
	}
	if caller.User != c.session.Caller().User {
		return domain.Caller{}, domain.TokenInvalid("subject")
	}
	return caller, nil
}

// refreshed returns the answer to a valid token.
func refreshed(expires time.Time) []byte {
	return []byte(`{"type":"refreshed","expires_at":"` + expires.UTC().Format("2006-01-02T15:04:05.000000Z07:00") + `"}`)
}
