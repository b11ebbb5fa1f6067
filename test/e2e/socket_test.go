package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/frames"
)

// socket is a WebSocket connection of a client.
type socket struct {
	*websocket.Conn

	// head is the header of the 101.
	head http.Header
}

// connect opens a socket. The test fails if the handshake is refused.
func connect(t *testing.T, url string, h headers) *socket {
	t.Helper()
	conn, res := dial(t, url, h)
	require.NotNil(t, conn, "not upgraded: %s", &res)
	return conn
}

// dial opens a socket, or returns the response of a refused handshake.
func dial(t *testing.T, url string, h headers) (*socket, response) {
	t.Helper()
	header := http.Header{}
	for name, value := range h {
		header.Set(name, value)
	}
	dialer := websocket.Dialer{HandshakeTimeout: waitLimit}
	conn, res, err := dialer.DialContext(t.Context(), url, header)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
		return &socket{conn, res.Header}, response{}
	}
	require.ErrorIs(t, err, websocket.ErrBadHandshake)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return nil, response{res.StatusCode, res.Header, body}
}

// frame is a message of the service.
type frame struct {
	Event string         `json:"event"`
	Data  map[string]any `json:"data"`
	ID    string         `json:"id"`
}

// text waits for the next text frame.
func (s *socket) text(t *testing.T) string {
	t.Helper()
	require.NoError(t, s.SetReadDeadline(time.Now().Add(waitLimit)))
	kind, payload, err := s.ReadMessage()
	require.NoError(t, err)
	require.Equal(t, websocket.TextMessage, kind)
	return string(payload)
}

// contract is what frames are held against.
var contract = sync.OnceValue(frames.Load)

// next waits for the next message, which must match the AsyncAPI document.
func (s *socket) next(t *testing.T) frame {
	t.Helper()
	var f frame
	text := s.text(t)
	require.NoError(t, json.Unmarshal([]byte(text), &f), text)
	contract().Check(t, []byte(text))
	return f
}

// reason is the reason in a close frame.
type reason struct {
	Code        string `json:"error_code"`
	Message     string `json:"message"`
	Correlation string `json:"correlation_id"`
}

// closed waits for the close frame. The test fails if another frame arrives before.
func (s *socket) closed(t *testing.T) (code int, raw string) {
	t.Helper()
	require.NoError(t, s.SetReadDeadline(time.Now().Add(waitLimit)))
	_, payload, err := s.ReadMessage()
	var end *websocket.CloseError
	require.ErrorAs(t, err, &end, "%s", payload)
	return end.Code, end.Text
}

// closedBecause waits for a close frame with the code and returns its reason.
func (s *socket) closedBecause(t *testing.T, code int) reason {
	t.Helper()
	got, raw := s.closed(t)
	require.Equal(t, code, got, raw)
	require.LessOrEqual(t, len(raw), 123)
	var r reason
	require.NoError(t, json.Unmarshal([]byte(raw), &r), raw)
	return r
}
