package websocket_test

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/pause"
)

// expiring makes each token expire after the given time from its validation.
func expiring(d time.Duration) func(*node) {
	return func(n *node) { n.tokens.lasts = d }
}

func (c *client) sendText(t testing.TB, text string) {
	t.Helper()
	require.NoError(t, c.WriteMessage(gorilla.TextMessage, []byte(text)))
}

func TestRefreshExtendsTheSession(t *testing.T) {
	n := newNode(t, settings(), expiring(400*time.Millisecond))
	c, begin := n.mustDial(t, "u1"), time.Now()
	for range 4 {
		pause.For(200*time.Millisecond, "half of the token's life must pass")
		c.sendText(t, `{"type":"refresh","token":"u1"}`)
		text, err := c.Next()
		require.NoError(t, err)
		var answer struct {
			Type      string    `json:"type"`
			ExpiresAt time.Time `json:"expires_at"`
		}
		require.NoError(t, json.Unmarshal(text, &answer))
		require.Equal(t, "refreshed", answer.Type)
		require.WithinDuration(t, time.Now().Add(400*time.Millisecond), answer.ExpiresAt, 350*time.Millisecond)
	}
	end := c.end(t)
	require.Equal(t, 1008, end.Code)
	require.Contains(t, end.Text, `"message":"Token has expired"`)
	require.Greater(t, time.Since(begin), time.Second)
	require.Equal(t, 4, n.facts.Count(equals(domain.FrameReceived{Type: domain.FrameRefresh})))
	n.awaitClean(t)
}

// A new token that expires earlier shortens the session.
func TestRefreshCanShortenTheSession(t *testing.T) {
	var short atomic.Bool
	n := newNode(t, settings(), func(n *node) { n.tokens.short = &short })
	c := n.mustDial(t, "u1")
	short.Store(true)
	c.sendText(t, `{"type":"refresh","token":"u1"}`)
	_, err := c.Next()
	require.NoError(t, err)
	begin := time.Now()
	require.Equal(t, 1008, c.end(t).Code)
	require.Less(t, time.Since(begin), 5*time.Second)
}

func TestRefreshWithoutExpiry(t *testing.T) {
	config := settings()
	config.CloseOnTokenExpiry = false
	n := newNode(t, config, expiring(50*time.Millisecond))
	c := n.mustDial(t, "u1")
	c.sendText(t, `{"type":"refresh","token":"u1"}`)
	_, err := c.Next()
	require.NoError(t, err)
	pause.For(200*time.Millisecond, "the token's life must pass without an event")
	c.sendText(t, `{"type":"ping"}`)
	c.expect(t, `{"type":"pong"}`)
}

func TestRefusedRefresh(t *testing.T) {
	for frame, want := range map[string]struct {
		code   int
		reason string
	}{
		`{"type":"refresh","token":"expired"}`: {1008, `"AUTHENTICATION_ERROR","message":"Token has expired"`},
		`{"type":"refresh","token":"u2"}`:      {1008, `"AUTHENTICATION_ERROR","message":"Invalid token"`},
		`{"type":"refresh","token":""}`:        {1008, `"AUTHENTICATION_ERROR","message":"Not authenticated"`},
		`{"type":"refresh"}`:                   {1008, `"AUTHENTICATION_ERROR","message":"Not authenticated"`},
		`{"type":"refresh","token":["u1"]}`:    {1008, `"AUTHENTICATION_ERROR","message":"Not authenticated"`},
		`{"type":"refresh","token":"nokeys"}`:  {1011, `"SERVICE_UNAVAILABLE","message":"Service temporaril"`},
	} {
		n := newNode(t, settings())
		c := n.mustDial(t, "u1")
		n.manager.Send(text("u1", "queued"))
		c.sendText(t, frame)
		c.expect(t, "queued")
		end := c.end(t)
		require.Equal(t, want.code, end.Code, frame)
		require.Contains(t, end.Text, want.reason, frame)
		n.awaitClean(t)
	}
}

// Frames up to the limit are accepted, data and control; one more closes the
// session.
func TestInboundRate(t *testing.T) {
	for name, one := range map[string]func(c *client) error{
		"text":  func(c *client) error { return c.WriteMessage(gorilla.TextMessage, []byte("x")) },
		"pings": func(c *client) error { return c.WriteControl(gorilla.PingMessage, nil, time.Now().Add(time.Second)) },
		"pongs": func(c *client) error { return c.WriteControl(gorilla.PongMessage, nil, time.Now().Add(time.Second)) },
		"empty fragments": func(c *client) error {
			_, err := c.NetConn().Write([]byte{0x00, 0x80, 0, 0, 0, 0})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			const most = 120
			config := settings()
			config.MaxMessagesPerMinute = most
			n := newNode(t, config)
			c := n.mustDial(t, "u1")
			if name == "empty fragments" { // the first of a message that never ends
				_, err := c.NetConn().Write([]byte{0x01, 0x80, 0, 0, 0, 0})
				require.NoError(t, err)
			} else {
				require.NoError(t, one(c))
			}
			for range most - 2 {
				require.NoError(t, one(c))
			}
			n.manager.Send(text("u1", "still there"))
			c.expect(t, "still there")
			for range 3 {
				_ = one(c)
			}
			end := c.end(t)
			require.Equal(t, 1008, end.Code)
			require.Contains(t, end.Text, `"error_code":"RATE_LIMIT","message":"Rate limit exceeded"`)
			n.awaitClean(t)
			if name == "text" {
				require.Equal(t, most, n.facts.Count(equals(domain.FrameReceived{Type: domain.FrameIgnored})))
			}
		})
	}
}

func TestConnectionLimitOfTheNode(t *testing.T) {
	config := settings()
	config.MaxConnections = 2
	n := newNode(t, config)
	one := n.mustDial(t, "u1")
	n.mustDial(t, "u2")
	late, err := n.dial("u3")
	require.ErrorIs(t, err, gorilla.ErrBadHandshake)
	require.Equal(t, http.StatusServiceUnavailable, late.response.StatusCode)
	require.Equal(t, "2", late.response.Header.Get("Retry-After"))
	require.Equal(t, 1, n.facts.Count(is[domain.ConnectionRejected]))
	one.Leave()
	require.Eventually(t, func() bool {
		c, err := n.dial("u3")
		if err == nil {
			t.Cleanup(c.Leave)
		}
		return err == nil
	}, 5*time.Second, 5*time.Millisecond)
}

func TestConnectRateOfTheNode(t *testing.T) {
	config := settings()
	config.MaxConnectsPerSecond = 3
	n := newNode(t, config)
	refused := 0
	for range 6 {
		c, err := n.dial("u1")
		if err != nil {
			require.Equal(t, http.StatusServiceUnavailable, c.response.StatusCode)
			require.NotEmpty(t, c.response.Header.Get("Retry-After"))
			refused++
			continue
		}
		t.Cleanup(c.Leave)
	}
	require.GreaterOrEqual(t, refused, 2, "all six came within a second")
	require.Eventually(t, func() bool {
		c, err := n.dial("u1")
		if err == nil {
			t.Cleanup(c.Leave)
		}
		return err == nil
	}, 5*time.Second, 100*time.Millisecond)
}
