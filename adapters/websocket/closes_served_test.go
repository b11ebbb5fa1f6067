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

// closeCase makes a node end a connection with one close of the catalogue.
type closeCase struct {
	// reason is the close frame's, byte for byte.
	reason string
	config func(*websocket.Config)
	node   func(*node)
	token  string // "u1" when empty
	act    func(*testing.T, *node, *client)
}

// reasonText returns a reason in the service's format.
func reasonText(code domain.Code, message string) string {
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

// closeCases returns all cases by status and error code.
func closeCases() map[string]closeCase {
	all := clientCloses()
	maps.Copy(all, serverCloses())
	return all
}

// clientCloses are the closes that a client causes.
func clientCloses() map[string]closeCase {
	return map[string]closeCase{
		"1000 ": {act: closesWith(1000)},
		"1001 ": {act: closesWith(1001)},
		"1002 ": {reason: "bad opcode 3", act: sends(0x83, 0x80, 0, 0, 0, 0)},
		"1003 INVALID_REQUEST": {
			reason: reasonText("INVALID_REQUEST", "Unsupported data"),
			act: func(_ *testing.T, n *node, _ *client) {
				n.manager.CloseUser("u1", &domain.Error{Code: domain.InvalidRequest, Message: "Unsupported data"})
			},
		},
		"1007 VALIDATION_ERROR": {reason: reasonText("VALIDATION_ERROR", "Text is not UTF-8"), act: sends(0x81, 0x81, 0, 0, 0, 0, 0xff)},
		"1008 AUTHENTICATION_ERROR": {
			reason: reasonText("AUTHENTICATION_ERROR", "Token has expired"), act: waits,
			node: func(n *node) { n.tokens.lasts = 100 * time.Millisecond },
		},
		"1008 RATE_LIMIT": {
			reason: reasonText("RATE_LIMIT", "Rate limit exceeded"),
			config: func(c *websocket.Config) { c.MaxMessagesPerMinute = 1 },
			act:    sends(0x89, 0x80, 0, 0, 0, 0, 0x89, 0x80, 0, 0, 0, 0),
		},
		"1009 ": {
			config: func(c *websocket.Config) { c.MaxMessageBytes = 1 }, act: sends(0x82, 0x82, 0, 0, 0, 0, 1, 1),
		},
	}
}

// serverCloses are the closes that the service, the platform or an operator causes.
func serverCloses() map[string]closeCase {
	return map[string]closeCase{
		"1011 UNKNOWN_ERROR": {
			reason: reasonText("UNKNOWN_ERROR", "An unexpected error occu"), act: waits,
			node: func(n *node) { n.facts.panicOn = is[domain.ConnectionAccepted] },
		},
		"1011 CONNECTION_ERROR": {
			reason: reasonText("CONNECTION_ERROR", "Connection to redis f"),
			act: func(_ *testing.T, n *node, _ *client) {
				n.manager.Shed(context.Background(), domain.Unreachable("redis", nil), 50*time.Millisecond)
			},
		},
		"1011 SERVICE_UNAVAILABLE": {reason: reasonText("SERVICE_UNAVAILABLE", "Service temporaril"), token: "nokeys", act: waits},
		"1012 SERVICE_UNAVAILABLE": {
			reason: reasonText("SERVICE_UNAVAILABLE", "Service restart"),
			act: func(t *testing.T, n *node, _ *client) {
				ended := make(chan error, 1)
				go func() { ended <- n.manager.Drain(context.Background()) }()
				t.Cleanup(func() { require.NoError(t, <-ended) })
			},
		},
		"4000 QUOTA_EXCEEDED": {
			reason: `{"error_code":"QUOTA_EXCEEDED","message":"Connection limit exceeded"}`, act: waits,
			node: func(n *node) { n.deps.limit = 0 },
		},
		"4001 QUOTA_EXCEEDED": {
			reason: reasonText("QUOTA_EXCEEDED", "Slow consumer"), act: waits,
			config: func(c *websocket.Config) { c.SendQueueBytes = 300 },
			node: func(n *node) {
				n.deps.during = func(user domain.UserID) {
					for range 4 {
						n.manager.Send(text(user, strings.Repeat("x", 100)))
					}
				}
			},
		},
		"4002 TIMEOUT": {
			reason: reasonText("TIMEOUT", "No sign of life"), act: waits,
			config: func(c *websocket.Config) { c.IdleTimeout = 100 * time.Millisecond },
		},
		"4003 AUTHORIZATION_ERROR": {
			reason: reasonText("AUTHORIZATION_ERROR", "Disconnected"),
			act: func(_ *testing.T, n *node, _ *client) {
				n.manager.CloseUser("u1", domain.Forbidden("Disconnected", nil))
			},
		},
	}
}

// TestEveryCloseOnTheWire causes each close of the catalogue and compares its code
// and reason.
func TestEveryCloseOnTheWire(t *testing.T) {
	all := closeCases()
	for _, entry := range websocket.Catalogue() {
		name := fmt.Sprintf("%d %s", entry.Close.Status, entry.Close.Code)
		p, known := all[name]
		require.True(t, known, "no case for %q", name)
		delete(all, name)
		t.Run(name, func(t *testing.T) {
			n, end := p.run(t)
			require.Equal(t, int(entry.Close.Status), end.Code)
			require.Equal(t, p.reason, end.Text)
			n.awaitReleased(t)
			require.Eventually(t, func() bool { return n.closes(end.Code) == 1 }, 5*time.Second, time.Millisecond, "the close is counted once")
			if entry.Close.Code != "" {
				require.Equal(t, p.reason, entry.Close.Reason(correlation), "the catalogue differs")
			}
		})
	}
	require.Empty(t, all, "not in the catalogue")
}

// run connects a client, causes the close and returns it.
func (p closeCase) run(t *testing.T) (*node, *gorilla.CloseError) {
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
	end := c.end(t)
	c.Leave()
	return n, end
}
