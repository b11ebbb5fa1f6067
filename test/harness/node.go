package harness

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
	"github.com/huleedu/edge/wire"
)

// GatewayConfig reads settings in the same way as the program.
func GatewayConfig(t *testing.T, settings map[string]string) wire.GatewayConfig {
	t.Helper()
	var c wire.GatewayConfig
	require.NoError(t, env.Read(&c, settings))
	return c
}

// WebSocketConfig reads settings in the same way as the program. The topic of notifications is not
// a setting.
func WebSocketConfig(t *testing.T, settings map[string]string, topic domain.Topic) wire.WebSocketConfig {
	t.Helper()
	var c wire.WebSocketConfig
	require.NoError(t, env.Read(&c, settings))
	c.Kafka.Topic = topic
	return c
}

// StartGateway starts an API gateway with its production adapters in this process.
func StartGateway(t *testing.T, settings map[string]string) *wire.Process {
	t.Helper()
	return StartGatewayWith(t, settings, recorded.NewLog(t), wire.GatewayOverride{})
}

// StartGatewayWith starts an API gateway that writes its log to out and has the adapters of the override.
func StartGatewayWith(t *testing.T, settings map[string]string, out io.Writer, o wire.GatewayOverride) *wire.Process {
	t.Helper()
	p, release, err := wire.Gateway(GatewayConfig(t, settings), out, o)
	require.NoError(t, err)
	t.Cleanup(release)
	return Run(t, p)
}

// StartNode starts a notification service with its production adapters in this process.
func StartNode(t *testing.T, settings map[string]string, topic domain.Topic) *wire.Process {
	t.Helper()
	return StartNodeWith(t, settings, topic, recorded.NewLog(t))
}

// StartNodeWith is StartNode with a writer for the log.
func StartNodeWith(t *testing.T, settings map[string]string, topic domain.Topic, out io.Writer) *wire.Process {
	t.Helper()
	p, release, err := wire.WebSocket(WebSocketConfig(t, settings, topic), out, wire.WebSocketOverride{})
	require.NoError(t, err)
	t.Cleanup(release)
	return Run(t, p)
}

// Run starts a process and stops it at the end of the test.
func Run(t *testing.T, p *wire.Process) *wire.Process {
	t.Helper()
	p.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), WaitLimit)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Logf("%s did not stop cleanly: %v", p.Name, err)
		}
	})
	return p
}
