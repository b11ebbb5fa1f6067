package contract

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// ShedderHarness configures the suite for an adapter of ports.ConnectionShedder.
type ShedderHarness struct {
	// New returns a node without connections. The shedder closes the connections of its manager.
	New func(t testing.TB) (ports.ConnectionShedder, ManagerNode)
}

// ConnectionShedder tests an adapter against the comments of ports.ConnectionShedder.
func ConnectionShedder(t *testing.T, h ShedderHarness) {
	t.Run("closes all connections over the period, after queued messages", h.sheds)
	t.Run("accepts new connections afterwards", h.staysOpen)
	t.Run("stops when its context is done", h.stopsWithContext)
	t.Run("no connections", h.noConnections)
}

func (h ShedderHarness) sheds(t *testing.T) {
	shedder, node := h.New(t)
	const clients, over = 10, 500 * time.Millisecond
	var all []ManagerClient
	for range clients {
		user := freshUser()
		all = append(all, node.mustConnect(t, user))
		for i := range 10 {
			require.Equal(t, 1, node.Manager.Send(newMessage(user, fmt.Sprint(i))))
		}
	}
	startedAt := time.Now()
	shedder.Shed(t.Context(), shedReason(), over)
	require.GreaterOrEqual(t, time.Since(startedAt), over/2, "the closes must be spread")
	require.Less(t, time.Since(startedAt), 2*over)
	for _, c := range all {
		expectNumbers(t, c)
		_, err := c.Next()
		require.ErrorIs(t, err, io.EOF)
	}
	eventually(t, func() bool { return node.Manager.Total() == 0 })
}

func (h ShedderHarness) staysOpen(t *testing.T) {
	shedder, node := h.New(t)
	shedder.Shed(t.Context(), shedReason(), 0)
	user := freshUser()
	c := node.mustConnect(t, user)
	require.Equal(t, 1, node.Manager.Send(newMessage(user, "x")))
	text, err := c.Next()
	require.NoError(t, err)
	require.Equal(t, "x", string(text))
}

func (h ShedderHarness) stopsWithContext(t *testing.T) {
	shedder, node := h.New(t)
	for range 5 {
		node.mustConnect(t, freshUser())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	startedAt := time.Now()
	shedder.Shed(ctx, shedReason(), time.Hour)
	require.Less(t, time.Since(startedAt), 5*time.Second)
	require.GreaterOrEqual(t, node.Manager.Total(), 4, "only the first connection may be closed")
}

func (h ShedderHarness) noConnections(t *testing.T) {
	shedder, _ := h.New(t)
	startedAt := time.Now()
	shedder.Shed(t.Context(), shedReason(), time.Hour)
	require.Less(t, time.Since(startedAt), time.Second)
}

// shedReason returns the reason for shedding connections.
func shedReason() error { return domain.Unreachable("redis", nil) }
