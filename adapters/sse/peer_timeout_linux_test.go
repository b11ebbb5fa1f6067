package sse_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// TestUnacknowledgedDataEndsTheStream sends a message that the client's receive buffer has
// no room for, but the send buffer has: no write blocks, and only the kernel can tell that
// the client takes nothing, before the first comment.
func TestUnacknowledgedDataEndsTheStream(t *testing.T) {
	n := newNode(t, func(n *node) { n.config.PeerTimeout = time.Second })
	c, err := n.connect("u1")
	require.NoError(t, err)
	t.Cleanup(c.Leave)
	require.Equal(t, 1, n.manager.Send(domain.Message{User: "u1", Payload: []byte(strings.Repeat("x", 200_000))}))
	require.True(t, n.facts.Await(t.Context(), func(f domain.Fact) bool { _, is := f.(domain.MessageSent); return is }), "the write does not block")
	beforeTheComment, cancel := context.WithTimeout(t.Context(), 12*time.Second)
	defer cancel()
	require.True(t, n.facts.Await(beforeTheComment, func(f domain.Fact) bool {
		return f == domain.CloseCodeObserved{Transport: domain.TransportSSE, Code: 4002}
	}))
	require.Eventually(t, func() bool { return n.manager.Total() == 0 }, time.Second, time.Millisecond)
}
