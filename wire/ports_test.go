package wire

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
)

// A port that was forgotten shows when the graph is wired, all of them at once.
func TestPortsThatAreMissingAreNamed(t *testing.T) {
	_, err := GatewayOn(GatewayConfig{}, Ports{Limiter: memory.NewRateLimiter(), Answers: memory.NewIdempotency()}, io.Discard)
	require.ErrorContains(t, err, "no adapter for Batches, Commands, Observer, Preflight, Registered, Registry, Tokens, Tracing")
	require.Equal(t, domain.InitializationFailed, domain.CodeOf(err))

	bus := memory.NewBus()
	_, err = WebSocketOn(WebSocketConfig{}, Ports{Listener: bus, Notifications: bus, History: bus}, io.Discard)
	require.ErrorContains(t, err, "no adapter for Limiter, Observer, Quota, Tokens, Tracing")
}
