package websocket_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

const deflate = "permessage-deflate"

// offering connects a client that offers compression.
func offering(t *testing.T, n *node) *client {
	t.Helper()
	c, err := n.dialWith(&gorilla.Dialer{EnableCompression: true}, "?token=u1", nil)
	require.NoError(t, err)
	t.Cleanup(c.Leave)
	return c
}

func TestCompressionIsOffUnlessAskedFor(t *testing.T) {
	n := newNode(t, settings())
	require.Empty(t, offering(t, n).response.Header.Get("Sec-Websocket-Extensions"))
	c := settings()
	c.Compression = true
	require.Empty(t, newNode(t, c).mustDial(t, "u1").response.Header.Get("Sec-Websocket-Extensions"), "the client did not offer it")
}

func TestCompressedMessages(t *testing.T) {
	settings := settings()
	settings.Compression, settings.MaxMessageBytes = true, 1000
	n := newNode(t, settings)
	c := offering(t, n)
	require.Contains(t, c.response.Header.Get("Sec-Websocket-Extensions"), deflate)
	c.sendText(t, `{"type":"ping"}`)
	c.expect(t, `{"type":"pong"}`)
	long := []byte(strings.Repeat("æ", 50_000))
	n.manager.Send(domain.Message{User: "u1", Payload: long, Received: time.Now()})
	text, err := c.Next()
	require.NoError(t, err)
	require.Equal(t, long, text)
	require.NoError(t, c.WriteMessage(gorilla.BinaryMessage, long), "few bytes on the wire, many inflated")
	require.Equal(t, 1009, c.end(t).Code)
	n.awaitClean(t)
}

// A frame that is marked as compressed and is not is a protocol error; so is a
// compressed frame without negotiated compression.
func TestInvalidCompressedFrames(t *testing.T) {
	settings := settings()
	for name, on := range map[string]bool{"agreed": true, "not agreed": false} {
		t.Run(name, func(t *testing.T) {
			settings.Compression = on
			n := newNode(t, settings)
			c := offering(t, n)
			_, err := c.NetConn().Write([]byte{0xc1, 0x82, 0, 0, 0, 0, 0xff, 0xff})
			require.NoError(t, err)
			require.Equal(t, 1002, c.end(t).Code)
			n.awaitClean(t)
			require.Equal(t, 1, n.closes(1002))
		})
	}
}

// A refused client may offer compression too.
func TestRefusalWithCompression(t *testing.T) {
	settings := settings()
	settings.Compression = true
	n := newNode(t, settings)
	c, err := n.dialWith(&gorilla.Dialer{EnableCompression: true}, "", http.Header{"Authorization": {"Bearer expired"}})
	require.NoError(t, err)
	t.Cleanup(c.Leave)
	require.Equal(t, 1008, c.end(t).Code)
}
