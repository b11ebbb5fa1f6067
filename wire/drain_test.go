package wire_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/wire"
)

func TestDrainSettingsOfTheNotificationService(t *testing.T) {
	for text, want := range map[string]struct{ notice, spread, timeout string }{
		"":                              {"2s", "10s", "25s"},
		"TIMEOUT=25":                    {"2s", "10s", "25s"},
		"TIMEOUT=60":                    {"2s", "10s", "60s"},
		"TIMEOUT=10":                    {"800ms", "4s", "10s"},
		"TIMEOUT=5":                     {"400ms", "2s", "5s"},
		"TIMEOUT=0.5":                   {"40ms", "200ms", "500ms"},
		"TIMEOUT=10,SPREAD=9":           {"500ms", "9s", "10s"},
		"TIMEOUT=10,NOTICE=6":           {"6s", "2s", "10s"},
		"SPREAD=30":                     {"2s", "30s", "45s"},
		"NOTICE=30":                     {"30s", "10s", "53s"},
		"NOTICE=5,SPREAD=15":            {"5s", "15s", "33s"},
		"SPREAD=0":                      {"2s", "0s", "25s"},
		"TIMEOUT=40,NOTICE=5,SPREAD=15": {"5s", "15s", "40s"},
	} {
		var c wire.WebSocketConfig
		require.Empty(t, env.Explain(env.Read(&c, drainVars("WEBSOCKET_DRAIN_", text))), text)
		for name, pair := range map[string][2]any{
			"notice": {want.notice, c.Drain.Notice}, "spread": {want.spread, c.Sockets.DrainSpread}, "timeout": {want.timeout, c.Sockets.DrainTimeout},
		} {
			d, err := time.ParseDuration(pair[0].(string))
			require.NoError(t, err)
			require.Equal(t, d, pair[1], "%s of %q", name, text)
		}
	}
	for _, text := range []string{
		"TIMEOUT=10,SPREAD=10", "TIMEOUT=10,NOTICE=10", "TIMEOUT=10,NOTICE=5,SPREAD=5", "TIMEOUT=0", "TIMEOUT=-1", "SPREAD=-1", "NOTICE=-1",
	} {
		var c wire.WebSocketConfig
		require.NotEmpty(t, env.Explain(env.Read(&c, drainVars("WEBSOCKET_DRAIN_", text))), text)
	}
}

func TestDrainSettingsOfTheGateway(t *testing.T) {
	for text, want := range map[string][2]time.Duration{
		"": {2 * time.Second, 25 * time.Second}, "TIMEOUT=5": {400 * time.Millisecond, 5 * time.Second},
		"TIMEOUT=60": {2 * time.Second, time.Minute}, "NOTICE=30": {30 * time.Second, 53 * time.Second},
		"TIMEOUT=1,NOTICE=0.5": {500 * time.Millisecond, time.Second},
	} {
		var c wire.GatewayConfig
		require.Empty(t, env.Explain(env.Read(&c, drainVars("API_GATEWAY_DRAIN_", text))), text)
		require.Equal(t, want, [2]time.Duration{c.Drain.Notice, c.Drain.Timeout}, text)
	}
	for _, text := range []string{"TIMEOUT=2,NOTICE=2", "TIMEOUT=0", "NOTICE=-1"} {
		var c wire.GatewayConfig
		require.NotEmpty(t, env.Explain(env.Read(&c, drainVars("API_GATEWAY_DRAIN_", text))), text)
	}
}

// drainVars returns valid settings and those of the text, "NAME=value,NAME=value".
func drainVars(prefix, text string) map[string]string {
	vars := map[string]string{"JWT_SECRET_KEY": material}
	for pair := range strings.SplitSeq(text, ",") {
		if name, value, is := strings.Cut(pair, "="); is {
			vars[prefix+name] = value
		}
	}
	return vars
}
