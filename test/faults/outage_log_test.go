package faults_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/recorded"
	"github.com/huleedu/edge/test/world"
	"github.com/huleedu/edge/wire"
)

// loggedService is a service with its log.
type loggedService struct {
	*wire.Process

	log *recorded.Log
}

// changes returns the log lines about dependencies, each as "event dependency", and all other
// warnings and errors.
func (s loggedService) changes(t *testing.T) (changes, others []string) {
	t.Helper()
	for _, text := range s.log.Lines() {
		var line struct{ Event, Level, Dependency string }
		require.NoError(t, json.Unmarshal([]byte(text), &line), text)
		switch {
		case line.Dependency != "":
			changes = append(changes, strings.TrimPrefix(line.Event, "dependency is ")+" "+line.Dependency)
		case line.Level != "info":
			others = append(others, text)
		}
	}
	return changes, others
}

// keySetServer serves a key set, and 503 while it is away.
func keySetServer(t *testing.T) (url string, away *atomic.Bool) {
	t.Helper()
	away = &atomic.Bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprint(w, `{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`)
	}))
	t.Cleanup(s.Close)
	return s.URL, away
}

// startBoth starts both services on the world, with a key set and short intervals.
func startBoth(t *testing.T, w *world.World, keys string) []loggedService {
	t.Helper()
	vars := map[string]string{
		"ENVIRONMENT": "testing", "JWT_ALGORITHM": "ES256", "JWT_JWKS_URL": keys, "JWT_JWKS_REFRESH_INTERVAL": "0.2", "JWT_JWKS_MIN_INTERVAL": "0.2",
		"REDIS_URL": w.RedisURL, "KAFKA_BOOTSTRAP_SERVERS": w.KafkaAddr, "KAFKA_CONSUMER_GROUP": "websocket-" + uuid.NewString(),
		"API_GATEWAY_RESULT_AGGREGATOR_URL": w.Platform.AggregatorURL(), "API_GATEWAY_BOS_URL": w.Platform.OrchestratorURL(),
		"API_GATEWAY_HTTP_HOST": "127.0.0.1", "API_GATEWAY_HTTP_PORT": "0", "WEBSOCKET_HOST": "127.0.0.1", "WEBSOCKET_PORT": "0",
		"API_GATEWAY_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_SPREAD": "0", "WEBSOCKET_REDIS_PROBE_INTERVAL": "0.5",
	}
	logs := []*recorded.Log{recorded.NewLog(t), recorded.NewLog(t)}
	gateway, release, err := wire.Gateway(harness.GatewayConfig(t, vars), logs[0], wire.GatewayOverride{})
	require.NoError(t, err)
	t.Cleanup(release)
	node, release, err := wire.WebSocket(harness.WebSocketConfig(t, vars, domain.NotificationTopic), logs[1], wire.WebSocketOverride{})
	require.NoError(t, err)
	t.Cleanup(release)
	return []loggedService{{harness.Run(t, gateway), logs[0]}, {harness.Run(t, node), logs[1]}}
}

// TestOutagesAreLoggedOnce takes Redis, Kafka, the key set and one service away, one after the
// other, while probes arrive. Each service writes one line when a dependency goes down and one
// when it is back, and no other warning.
func TestOutagesAreLoggedOnce(t *testing.T) {
	t.Parallel()
	w, err := world.Start(world.Config{})
	require.NoError(t, err)
	t.Cleanup(w.Close)
	keys, keysAway := keySetServer(t)
	services := startBoth(t, w, keys)
	length := outageLength(time.Minute, 3*time.Second)
	harness.AwaitReady(t, services[1].Addr)
	for _, outage := range []struct {
		dependency string
		// lines is the number of services that use it.
		lines      int
		stop, back func()
	}{
		{"redis", 2, w.Redis().Stop, func() { require.NoError(t, w.Redis().Restart()) }},
		{"kafka", 2, w.Kafka().Disconnect, w.Kafka().Resume},
		{"token_keys", 2, func() { keysAway.Store(true) }, func() { keysAway.Store(false) }},
		{"result_aggregator", 1, func() { w.Platform.FailAggregator(world.Disconnect) }, func() { w.Platform.FailAggregator(world.NoFailure) }},
	} {
		outage.stop()
		awaitLines(t, services, "down "+outage.dependency, outage.lines)
		for end := time.Now().Add(length); time.Now().Before(end); pause.For(200*time.Millisecond, "probes during the outage") {
			for _, s := range services {
				harness.Readiness(t.Context(), s.Addr)
			}
		}
		outage.back()
		awaitLines(t, services, "back "+outage.dependency, outage.lines)
		harness.AwaitReady(t, services[1].Addr)
	}
	for _, s := range services {
		t.Logf("the log of %s:\n%s", s.Name, s.log)
	}
	gateway, others := services[0].changes(t)
	require.Equal(t, []string{"down redis", "back redis", "down kafka", "back kafka", "down token_keys", "back token_keys", "down result_aggregator", "back result_aggregator"}, gateway)
	require.Empty(t, others)
	node, others := services[1].changes(t)
	slices.Sort(node)
	require.Equal(t, []string{"back kafka", "back redis", "back subscription", "back token_keys", "down kafka", "down redis", "down subscription", "down token_keys"}, node)
	require.Empty(t, others)
}

// awaitLines waits until this many services have logged the change. Probes arrive meanwhile.
func awaitLines(t *testing.T, services []loggedService, change string, count int) {
	t.Helper()
	require.Eventually(t, func() bool {
		found := 0
		for _, s := range services {
			harness.Readiness(t.Context(), s.Addr)
			if changes, _ := s.changes(t); slices.Contains(changes, change) {
				found++
			}
		}
		return found == count
	}, waitLimit, 200*time.Millisecond, change)
}
