package e2e_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// socket is a WebSocket connection of a client.
type socket struct {
	*websocket.Conn
	receiver

	// head is the header of the 101.
	head http.Header
}

func newSocket(conn *websocket.Conn, head http.Header) *socket {
	return &socket{conn, receiver{frameReader{conn}}, head}
}

// frameReader reads the text frames of a socket.
type frameReader struct{ conn *websocket.Conn }

func (r frameReader) read(within time.Duration) (string, error) {
	if err := r.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	_, payload, err := r.conn.ReadMessage()
	if end, ok := errors.AsType[*websocket.CloseError](err); ok && end.Code != websocket.CloseAbnormalClosure {
		return "", &closedError{end.Code, end.Text}
	}
	return string(payload), err
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
	c, err := openSocket(t.Context(), url, h.values())
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return nil, refused.response
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c.(*socket), response{}
}
