package websocket_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

const protocol = "huleedu.notifications.v1"

func TestUpgradeCarriesTheCorrelationID(t *testing.T) {
	n := newNode(t, settings())
	c := n.mustDial(t, "u1")
	require.Equal(t, correlation, c.response.Header.Get("X-Correlation-ID"))
	require.Equal(t, 1, n.manager.Total())
	leases, followed := n.deps.held()
	require.Equal(t, 1, leases)
	require.Equal(t, 1, followed)
	c.Leave()
	n.awaitClean(t)
	require.Contains(t, n.log.String(), "connection ended")
	require.NotContains(t, n.log.String(), "token")
}

func TestTokenSources(t *testing.T) {
	n := newNode(t, settings())
	offer := func(p ...string) *gorilla.Dialer { return &gorilla.Dialer{Subprotocols: p} }
	bearer := func(v string) http.Header { return http.Header{"Authorization": {v}} }
	for name, c := range map[string]struct {
		dialer *gorilla.Dialer
		query  string
		header http.Header
		user   domain.UserID // empty: refused
		reason string
	}{
		"header":               {offer(), "", bearer("Bearer u1"), "u1", ""},
		"subprotocol":          {offer(protocol, "bearer.u1"), "", nil, "u1", ""},
		"query":                {offer(), "?token=u1", nil, "u1", ""},
		"header before others": {offer(protocol, "bearer.u2"), "?token=u3", bearer("Bearer u1"), "u1", ""},
		"subprotocol first":    {offer(protocol, "bearer.u1"), "?token=u2", nil, "u1", ""},
		"bad header decides":   {offer(), "?token=u1", bearer("Basic eDp5"), "", "Invalid authenti"},
		"bad protocol decides": {offer(protocol, "bearer.expired"), "?token=u1", nil, "", "Token has expired"},
		"empty bearer":         {offer(protocol, "bearer."), "", nil, "", "Invalid authenti"},
		"expired":              {offer(), "?token=expired.2", nil, "", "Token has expired"},
		"two headers":          {offer(), "", http.Header{"Authorization": {"Bearer u1", "Bearer u1"}}, "", "Invalid authenti"},
		"two headers, one bad": {offer(), "", http.Header{"Authorization": {"Bearer u1", "Basic eDp5"}}, "", "Invalid authenti"},
		"two protocols":        {offer(protocol, "bearer.u1", "bearer.u3"), "", nil, "", "Invalid authenti"},
		"two in the query":     {offer(), "?token=u1&token=u2", nil, "", "Invalid authenti"},
		"one and an empty one": {offer(), "?token=u1&token=", nil, "", "Invalid authenti"},
		"none":                 {offer(), "", nil, "", "Not authenticated"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := n.dialWith(c.dialer, c.query, c.header)
			require.NoError(t, err)
			defer conn.Leave()
			require.Equal(t, correlation, conn.response.Header.Get("X-Correlation-ID"))
			if len(c.dialer.Subprotocols) > 0 {
				require.Equal(t, protocol, conn.Subprotocol())
			}
			if c.user != "" {
				require.Equal(t, 1, n.manager.Total())
				conn.Leave()
				n.awaitClean(t)
				return
			}
			end := conn.end(t)
			require.Equal(t, 1008, end.Code)
			require.Contains(t, end.Text, `"error_code":"AUTHENTICATION_ERROR","message":"`+c.reason)
			require.Contains(t, end.Text, correlation)
		})
	}
}

func TestRefusedByHTTP(t *testing.T) {
	n := newNode(t, settings())
	status := func(d *gorilla.Dialer, query string, h http.Header) int {
		c, err := n.dialWith(d, query, h)
		require.ErrorIs(t, err, gorilla.ErrBadHandshake)
		require.Equal(t, correlation, c.response.Header.Get("X-Correlation-ID"))
		return c.response.StatusCode
	}
	foreign := http.Header{"Origin": {"http://other.example"}}
	require.Equal(t, http.StatusForbidden, status(&gorilla.Dialer{}, "?token=u1", foreign))
	require.Equal(t, http.StatusForbidden, status(&gorilla.Dialer{}, "", foreign), "the origin is checked before the token")
	ours, err := n.dialWith(&gorilla.Dialer{}, "?token=u1", http.Header{"Origin": {"http://localhost:5173"}})
	require.NoError(t, err)
	ours.Leave()

	for _, token := range []string{"", "?token=u1", "?token=expired"} {
		r, err := http.Get(n.server.URL + "/ws" + token)
		require.NoError(t, err)
		_ = r.Body.Close()
		require.Equal(t, http.StatusUpgradeRequired, r.StatusCode)
		require.Equal(t, "13", r.Header.Get("Sec-WebSocket-Version"))
	}
	n.readiness.Enter(app.Draining)
	require.Equal(t, http.StatusServiceUnavailable, status(&gorilla.Dialer{}, "?token=u1", foreign), "draining comes before the origin")
	n.awaitClean(t)
	require.Equal(t, 3, n.facts.Count(is[domain.ConnectionRejected]))
}

func TestAnyOrigin(t *testing.T) {
	c := settings()
	c.Origins = []string{"*"}
	n := newNode(t, c)
	conn, err := n.dialWith(&gorilla.Dialer{}, "?token=u1", http.Header{"Origin": {"http://elsewhere.example"}})
	require.NoError(t, err)
	conn.Leave()
}

// A message that arrives during the handshake is delivered once and in order.
func TestMessagesBeforeTheUpgradeAreQueued(t *testing.T) {
	n := newNode(t, settings())
	n.deps.during = func(user domain.UserID) {
		for _, text := range []string{"0", "1", "2"} {
			n.manager.Send(domain.Message{User: user, Payload: []byte(text), Received: time.Now()})
		}
	}
	c := n.mustDial(t, "u1")
	n.manager.Send(text("u1", "3"))
	for _, want := range []string{"0", "1", "2", "3"} {
		c.expect(t, want)
	}
	require.Eventually(t, func() bool { return n.facts.Count(is[domain.MessageSent]) == 4 }, time.Second, time.Millisecond)
}

func TestDataBeforeTheUpgradeEndsTheHandshake(t *testing.T) {
	n := newNode(t, settings())
	conn := n.dialRaw(t, handshake("u1")+"\x81\x80abcd")
	answer, _ := io.ReadAll(conn)
	require.Empty(t, answer)
	n.awaitClean(t)
	require.Equal(t, 1, n.facts.Count(is[domain.ConnectionRejected]))
}

func TestHijackFails(t *testing.T) {
	n := newNode(t, settings())
	request := httptest.NewRequest(http.MethodGet, "/ws?token=u1", http.NoBody)
	for _, line := range strings.Split(handshake("u1"), "\r\n")[2:] {
		if name, value, ok := strings.Cut(line, ": "); ok {
			request.Header.Set(name, value)
		}
	}
	answer := httptest.NewRecorder() // no hijacker
	n.server.Config.Handler.ServeHTTP(answer, request)
	require.Contains(t, answer.Body.String(), string(domain.UnknownError))
	n.awaitClean(t)
}

// dialRaw opens a connection of bytes and sends a text. The end of the test closes it.
func (n *node) dialRaw(t testing.TB, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", n.server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	return conn
}

// handshake returns the bytes of an upgrade request.
func handshake(user string) string {
	return "GET /ws?token=" + user + " HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n"
}

func TestRefusedTokensAreLimitedPerNetwork(t *testing.T) {
	c := settings()
	c.RefusedTokensPerMinute = 3
	n := newNode(t, c)
	for _, query := range []string{"?token=expired.1", "", "?token=expired.2"} {
		s, err := n.dialWith(&gorilla.Dialer{}, query, nil)
		require.NoError(t, err, "refused by a close frame")
		require.Equal(t, 1008, s.end(t).Code)
	}
	for _, query := range []string{"?token=expired", ""} {
		s, err := n.dialWith(&gorilla.Dialer{}, query, nil)
		require.Error(t, err)
		require.Equal(t, http.StatusTooManyRequests, s.response.StatusCode, "answered before the upgrade")
	}
	other := http.Header{"X-Test-Network": {"198.51.100.7"}}
	s, err := n.dialWith(&gorilla.Dialer{}, "?token=expired.3", other)
	require.NoError(t, err, "another network")
	require.Equal(t, 1008, s.end(t).Code)
	s, err = n.dialWith(&gorilla.Dialer{}, "?token=nokeys", nil)
	require.NoError(t, err)
	require.Equal(t, 1011, s.end(t).Code, "the token is not the cause")
	n.mustDial(t, "u1").Leave()
	require.Equal(t, 7, n.facts.Count(is[domain.ConnectionRejected]))
	n.awaitClean(t)
}

func TestRefusedTokensWithoutLimit(t *testing.T) {
	n := newNode(t, settings()) // 0
	for i := range 120 {
		s, err := n.dial(domain.UserID(fmt.Sprint("expired.", i)))
		require.NoError(t, err)
		require.Equal(t, 1008, s.end(t).Code)
		s.Leave()
	}
}
