package e2e_test

import (
	"iter"
	"maps"
	"testing"
	"time"

	"github.com/huleedu/edge/test/harness"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
)

// The secrets that are given to the programs, beside the tokens' and the
// internal key.
const (
	redisPassword  = "redis-Pa55-of-the-run"
	collectorToken = "collector-t0ken-of-the-run"
)

// watched are both services as real programs at their most talkative, and the
// collector of their spans.
type watched struct {
	*stage

	gateway, node *harness.Program
	http, ws      string // their base URLs
	spans         *harness.Collector
}

// onWatched runs a test against both programs, on embedded servers and on a
// Redis with a password.
func onWatched(t *testing.T, test func(*testing.T, *watched)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, watching(t, embedded(t)))
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		// The default user stays, for those who look whether it runs.
		r := servers.OwnRedis(t, "--user", "edge", "on", ">"+redisPassword, "~*", "&*", "+@all")
		test(t, watching(t, backing{
			redis: "redis://edge:" + redisPassword + "@" + r.Addr(), kafka: servers.Kafka(t),
			stopRedis: r.Kill, startRedis: r.Start,
		}))
	})
}

func watching(t *testing.T, b backing) *watched {
	t.Helper()
	w := &watched{stage: newStageOn(t, b, domain.NotificationTopic), spans: harness.NewCollector(t)}
	maps.Copy(w.vars, map[string]string{
		"LOG_LEVEL": "debug", "API_GATEWAY_LOG_LEVEL": "debug",
		"OTEL_EXPORTER_OTLP_ENDPOINT": w.spans.URL, "OTEL_BSP_SCHEDULE_DELAY": "100",
		"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20" + collectorToken,
	})
	w.gateway, w.node = harness.Start(t, "gateway", w.vars), harness.Start(t, "websocket", w.vars)
	w.http, w.ws = "http://"+w.gateway.Address(t), "http://"+w.node.Address(t)
	readyWithin(t, w.http)
	readyWithin(t, w.ws)
	return w
}

// readyWithin waits until a program is ready, with everything that it needs.
func readyWithin(t *testing.T, base string) {
	t.Helper()
	var last answer
	require.Eventually(t, func() bool {
		last = call(t, "GET", base+"/readyz", "", nil)
		return last.status == 200 && last.members(t)["status"] == "ready"
	}, waitLimit, 20*time.Millisecond, "never ready: %s", &last)
}

// socket is where the node's sockets are opened.
func (w *watched) socket() string { return "ws" + w.ws[len("http"):] + "/ws" }

func keysOf(m map[string]string) iter.Seq[string] { return maps.Keys(m) }
