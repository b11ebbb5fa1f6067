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

// ShedderHarness brings an adapter of ports.ConnectionShedder to its suite.
type ShedderHarness struct {
	// New returns a node without connections; its manager is the shedder's own.
	New func(t testing.TB) (ports.ConnectionShedder, ManagerNode)
}

// ConnectionShedder holds an adapter to the words of ports.ConnectionShedder.
func ConnectionShedder(t *testing.T, h ShedderHarness) {
	t.Run("everybody is closed, after what is queued, over the time", h.sheds)
	t.Run("who comes afterwards is let in", h.staysOpen)
	t.Run("when it is called off the others stay", h.isCalledOff)
	t.Run("nobody there", h.shedsNobody)
}

func (h ShedderHarness) sheds(t *testing.T) {
	shedder, node := h.New(t)
	const clients, over = 10, 500 * time.Millisecond
	var all []ManagerClient
	for range clients {
		user := freshUser()
		all = append(all, node.mustConnect(t, user))
		for i := range 10 {
			require.Equal(t, 1, node.Manager.Send(say(user, fmt.Sprint(i))))
		}
	}
	began := time.Now()
	shedder.Shed(t.Context(), away(), over)
	require.GreaterOrEqual(t, time.Since(began), over/2, "not spread")
	require.Less(t, time.Since(began), 2*over)
	for _, c := range all {
		expectNumbers(t, c)
		_, err := c.Next()
		require.ErrorIs(t, err, io.EOF)
	}
	eventually(t, func() bool { return node.Manager.Total() == 0 })
}

func (h ShedderHarness) staysOpen(t *testing.T) {
	shedder, node := h.New(t)
	shedder.Shed(t.Context(), away(), 0)
	user := freshUser()
	c := node.mustConnect(t, user)
	require.Equal(t, 1, node.Manager.Send(say(user, "x")))
	text, err := c.Next()
	require.NoError(t, err)
	require.Equal(t, "x", string(text))
}

func (h ShedderHarness) isCalledOff(t *testing.T) {
	shedder, node := h.New(t)
	for range 5 {
		node.mustConnect(t, freshUser())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	shedder.Shed(ctx, away(), time.Hour)
	require.Less(t, time.Since(began), 5*time.Second)
	require.GreaterOrEqual(t, node.Manager.Total(), 4, "only the first was told")
}

func (h ShedderHarness) shedsNobody(t *testing.T) {
	shedder, _ := h.New(t)
	began := time.Now()
	shedder.Shed(t.Context(), away(), time.Hour)
	require.Less(t, time.Since(began), time.Second)
}

// away is why connections are shed.
func away() error { return domain.Unreachable("redis", nil) }
