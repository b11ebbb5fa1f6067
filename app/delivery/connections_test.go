package delivery

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// TestConnectionsShowTheQueue checks what operators see of a session during its handshake, with
// messages in its queue, and after its end.
func TestConnectionsShowTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, conn := newTestHub(testConfig()), newFakeConnection()
		require.Empty(t, h.Connections("u1"))
		began := time.Now()
		conn.blocked = true
		s := h.open(t, "u1", conn)
		require.Equal(t, []domain.ConnectionState{{Session: "s1", Transport: domain.TransportSSE, Since: began, LastPosition: domain.PositionStart}}, h.Connections("u1"))

		time.Sleep(time.Second)
		s.Attach()
		h.Send(message(`{"event":"e","data":{},"id":"1700000000000-1"}`))
		h.Send(message("12345"))
		require.Equal(t, []domain.ConnectionState{{
			Session: "s1", Transport: domain.TransportSSE, Since: began.Add(time.Second), LastPosition: "1700000000000-1", QueuedMessages: 2, QueuedBytes: 51,
		}}, h.Connections("u1"))
		require.Empty(t, h.Connections("u2"))
		h.end(s)
		require.Empty(t, h.Connections("u1"))
	})
}
