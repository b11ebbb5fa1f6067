package websocket_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/domain"
)

// provocation makes a node end a connection in one way of the catalogue.
type provocation struct {
	// reason is the close frame's, byte for byte.
	reason string
	config func(*websocket.Config)
	node   func(*node)
	token  string // "u1" when empty
	act    func(*testing.T, *node, *client)
}

// because is a reason in the service's form.
func because(code domain.Code, message string) string {
	return fmt.Sprintf(`{"error_code":%q,"message":%q,"correlation_id":%q}`, code, message, correlation)
}

func closesWith(code int) func(*testing.T, *node, *client) {
	return func(t *testing.T, _ *node, c *client) {
		t.Helper()
		require.NoError(t, c.WriteControl(gorilla.CloseMessage, gorilla.FormatCloseMessage(code, "bye"), time.Now().Add(time.Second)))
	}
}

func sends(frame ...byte) func(*testing.T, *node, *client) {
	return func(t *testing.T, _ *node, c *client) {
		t.Helper()
		_, err := c.NetConn().Write(frame)
		require.NoError(t, err)
	}
}

func waits(*testing.T, *node, *client) {}

// provocations are by status and error code.
func provocations() map[string]provocation {
	all := clientsEnds()
	maps.Copy(all, ourEnds())
	return all
}

// clientsEnds are those that a client brings upon itself.
func clientsEnds() map[string]provocation {
	return map[string]provocation{
		"1000 ": {act: closesWith(1000)},
		"1001 ": {act: closesWith(1001)},
		"1002 ": {reason: "bad opcode 3", act: sends(0x83, 0x80, 0, 0, 0, 0)},
		"1003 INVALID_REQUEST": {
			reason: because("INVALID_REQUEST", "Unsupported data"),
			act: func(_ *testing.T, n *node, _ *client) {
				n.manager.CloseUser("u1", &domain.Error{Code: domain.InvalidRequest, Message: "Unsupported data"})
			},
		},
		"1007 VALIDATION_ERROR": {reason: because("VALIDATION_ERROR", "Text is not UTF-8"), act: sends(0x81, 0x81, 0, 0, 0, 0, 0xff)},
		"1008 AUTHENTICATION_ERROR": {
			reason: because("AUTHENTICATION_ERROR", "Token has expired"), act: waits,
			node: func(n *node) { n.tokens.lasts = 100 * time.Millisecond },
		},
		"1008 RATE_LIMIT": {
			reason: because("RATE_LIMIT", "Rate limit exceeded"),
			config: func(c *websocket.Config) { c.MaxMessagesPerMinute = 1 },
			act:    sends(0x89, 0x80, 0, 0, 0, 0, 0x89, 0x80, 0, 0, 0, 0),
		},
		"1009 ": {
			config: func(c *websocket.Config) { c.MaxMessageBytes = 1 }, act: sends(0x82, 0x82, 0, 0, 0, 0, 1, 1),
		},
	}
}

// ourEnds are those that the service, the platform or an operator begins.
func ourEnds() map[string]provocation {
	return map[string]provocation{
		"1011 UNKNOWN_ERROR": {
			reason: because("UNKNOWN_ERROR", "An unexpected error occu"), act: waits,
			node: func(n *node) { n.facts.bomb = is[domain.ConnectionAccepted] },
		},
		"1011 CONNECTION_ERROR": {
			reason: because("CONNECTION_ERROR", "Connection to redis f"),
			act: func(_ *testing.T, n *node, _ *client) {
				n.manager.Shed(context.Background(), domain.Unreachable("redis", nil), 50*time.Millisecond)
			},
		},
		"1011 SERVICE_UNAVAILABLE": {reason: because("SERVICE_UNAVAILABLE", "Service temporaril"), token: "nokeys", act: waits},
		"1012 SERVICE_UNAVAILABLE": {
			reason: because("SERVICE_UNAVAILABLE", "Service restart"),
			act: func(t *testing.T, n *node, _ *client) {
				ended := make(chan error, 1)
				go func() { ended <- n.manager.Drain(context.Background()) }()
				t.Cleanup(func() { require.NoError(t, <-ended) })
			},
		},
		"4000 QUOTA_EXCEEDED": {
			reason: `{"error_code":"QUOTA_EXCEEDED","message":"Connection limit exceeded"}`, act: waits,
			node: func(n *node) { n.registry.limit = 0 },
		},
		"4001 QUOTA_EXCEEDED": {
			reason: because("QUOTA_EXCEEDED", "Slow consumer"), act: waits,
			config: func(c *websocket.Config) { c.SendQueueBytes = 300 },
			node: func(n *node) {
				n.registry.during = func(user domain.UserID) {
					for range 4 {
						n.manager.Send(text(user, strings.Repeat("x", 100)))
					}
				}
			},
		},
		"4002 TIMEOUT": {
			reason: because("TIMEOUT", "No sign of life"), act: waits,
			config: func(c *websocket.Config) { c.IdleTimeout = 100 * time.Millisecond },
		},
		"4003 AUTHORIZATION_ERROR": {
			reason: because("AUTHORIZATION_ERROR", "Disconnected"),
			act: func(_ *testing.T, n *node, _ *client) {
				n.manager.CloseUser("u1", domain.Forbidden("Disconnected", nil))
			},
		},
	}
}

// TestEveryCloseOnTheWire: each line of the catalogue is provoked, and its
// code and reason are what clients match on.
func TestEveryCloseOnTheWire(t *testing.T) {
	all := provocations()
	for _, entry := range websocket.Catalogue() {
		name := fmt.Sprintf("%d %s", entry.Close.Status, entry.Close.Code)
		p, known := all[name]
		require.True(t, known, "nobody provokes %q", name)
		delete(all, name)
		t.Run(name, func(t *testing.T) {
			end := p.provoke(t)
			require.Equal(t, int(entry.Close.Status), end.Code)
			require.Equal(t, p.reason, end.Text)
			if entry.Close.Code != "" {
				require.Equal(t, p.reason, entry.Close.Reason(correlation), "the catalogue says something else")
			}
		})
	}
	require.Empty(t, all, "not in the catalogue")
}

// TestACloseOfOneByteIsBroken: the library takes it for a close without a
// status, but a body begins with two bytes (RFC 6455 section 5.5.1).
func TestACloseOfOneByteIsBroken(t *testing.T) {
	for _, limit := range []int{0, 120} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			end := provocation{
				config: func(c *websocket.Config) { c.MaxMessagesPerMinute = limit },
				act:    sends(0x81, 0x81, 0, 0, 0, 0, 'x', 0x88, 0x81, 0, 0, 0, 0, 3),
			}.provoke(t)
			require.Equal(t, 1002, end.Code)
			require.Empty(t, end.Text)
		})
	}
}

func (p provocation) provoke(t *testing.T) *gorilla.CloseError {
	t.Helper()
	config := settings()
	if p.config != nil {
		p.config(&config)
	}
	adjust := func(*node) {}
	if p.node != nil {
		adjust = p.node
	}
	n := newNode(t, config, adjust)
	token := domain.UserID("u1")
	if p.token != "" {
		token = domain.UserID(p.token)
	}
	c := n.mustDial(t, token)
	p.act(t, n, c)
	return c.end(t)
}
