package e2e_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/servers"
)

// The secrets of the programs, beside the token key and the internal key.
const (
	redisPassword  = "redis-Pa55-of-the-run"
	collectorToken = "collector-t0ken-of-the-run"
)

// programs are both services as programs with debug logs, and a collector of their spans.
type programs struct {
	*environment

	gateway, node       *harness.Program
	gatewayURL, nodeURL string // their base URLs
	collector           *harness.Collector
}

// withPrograms runs a test with both programs on embedded servers, and on real ones with a password for Redis.
func withPrograms(t *testing.T, test func(*testing.T, *programs)) {
	t.Helper()
	onBoth(t, func(t *testing.T, b backing) { test(t, startPrograms(t, b)) }, func(t *testing.T) backing {
		// The default user stays enabled for the readiness check of the test.
		r := servers.OwnRedis(t, "--user", "edge", "on", ">"+redisPassword, "~*", "&*", "+@all")
		return backing{
			redis: "redis://edge:" + redisPassword + "@" + r.Addr(), kafka: servers.Kafka(t),
			stopRedis: r.Kill, startRedis: r.Start,
		}
	})
}

// startPrograms starts both programs and waits until they are ready.
func startPrograms(t *testing.T, b backing) *programs {
	t.Helper()
	w := &programs{environment: newEnvironmentOn(t, b, domain.NotificationTopic), collector: harness.NewCollector(t)}
	maps.Copy(w.vars, map[string]string{
		"LOG_LEVEL": "debug", "API_GATEWAY_LOG_LEVEL": "debug",
		"OTEL_EXPORTER_OTLP_ENDPOINT": w.collector.URL, "OTEL_BSP_SCHEDULE_DELAY": "100",
		"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20" + collectorToken,
	})
	w.gateway, w.node = harness.Start(t, "gateway", w.vars), harness.Start(t, "websocket", w.vars)
	w.gatewayURL, w.nodeURL = "http://"+w.gateway.Address(t), "http://"+w.node.Address(t)
	harness.AwaitReady(t, strings.TrimPrefix(w.gatewayURL, "http://"))
	harness.AwaitReady(t, strings.TrimPrefix(w.nodeURL, "http://"))
	return w
}

// socketURL returns the URL for sockets of the node.
func (w *programs) socketURL() string { return "ws" + w.nodeURL[len("http"):] + "/ws" }
