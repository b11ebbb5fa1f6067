package e2e_test

import (
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// The environment of the platform's compose file, word for word, with strong
// secrets and the internal key added. The names redis, kafka and jaeger exist
// only on the container network and port 8080 may be taken on this machine,
// so onThisMachine replaces host and port of those values and nothing else.
const gatewayEnvironment = `
ENV_TYPE=docker
ENVIRONMENT=production
LOG_FORMAT=json
API_GATEWAY_KAFKA_BOOTSTRAP_SERVERS=kafka:9092
API_GATEWAY_LOG_LEVEL=INFO
API_GATEWAY_SERVICE_PORT=8080
API_GATEWAY_SERVICE_HOST=0.0.0.0
API_GATEWAY_SERVICE_REDIS_URL=redis://redis:6379
JWT_SECRET_KEY=8fJq2LzX7vRwK0tYbN4mDcHsGpEu9aWi
HULEEDU_INTERNAL_API_KEY=Zr5xQm8KpW2vTn7LcY4jHd9BsGf3aEuN
BATCH_ORCHESTRATOR_SERVICE_URL=http://batch_orchestrator_service:5000
CLASS_MANAGEMENT_SERVICE_URL=http://class_management_service:5002
FILE_SERVICE_URL=http://file_service:7001
LLM_PROVIDER_SERVICE_URL=http://llm_provider_service:8080
BFF_TEACHER_SERVICE_URL=http://bff_teacher_service:4101
OTEL_EXPORTER_OTLP_ENDPOINT=http://jaeger:4317
OTEL_SERVICE_NAME=api_gateway_service
OTEL_TRACES_EXPORTER=otlp
OTEL_METRICS_EXPORTER=none`

const notificationEnvironment = `
ENV_TYPE=docker
ENVIRONMENT=production
LOG_FORMAT=json
SERVICE_NAME=websocket_service
WEBSOCKET_PORT=8080
REDIS_URL=redis://redis:6379
JWT_SECRET_KEY=8fJq2LzX7vRwK0tYbN4mDcHsGpEu9aWi
JWT_ALGORITHM=HS256
WEBSOCKET_MAX_CONNECTIONS_PER_USER=5
WEBSOCKET_IDLE_TIMEOUT=300
WEBSOCKET_PING_INTERVAL=30
CORS_ORIGINS=["http://localhost:3000"]
LOG_LEVEL=INFO
ENABLE_METRICS=true
ENABLE_TRACING=true
OTEL_EXPORTER_OTLP_ENDPOINT=http://jaeger:4317
OTEL_SERVICE_NAME=websocket_service
OTEL_TRACES_EXPORTER=otlp
OTEL_METRICS_EXPORTER=none
KAFKA_BOOTSTRAP_SERVERS=kafka:9092
KAFKA_CONSUMER_GROUP=websocket-service-consumer
KAFKA_CONSUMER_CLIENT_ID=websocket-service-client`

// composeSettings reads the settings and replaces the servers that exist only on the container network.
func composeSettings(t *testing.T, text string, b backing) map[string]string {
	t.Helper()
	redis, err := url.Parse(b.redis)
	require.NoError(t, err)
	vars := map[string]string{}
	for line := range strings.Lines(strings.TrimSpace(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.NewReplacer("redis:6379", redis.Host, "kafka:9092", b.kafka, "jaeger:4317", "127.0.0.1:4317").Replace(value)
		if strings.HasSuffix(name, "_PORT") {
			value = "0"
		}
		if name == "API_GATEWAY_SERVICE_HOST" {
			value = "127.0.0.1"
		}
		vars[name] = value
	}
	return vars
}

// TestSettingsOfThePlatformsComposeFile starts both services with the settings of the platform's compose
// file. They know each variable, report their health and stop. They print one warning about a loopback
// origin in production.
func TestSettingsOfThePlatformsComposeFile(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		for name, row := range map[string]struct {
			text, warning string
		}{
			"gateway":   {gatewayEnvironment, "warning: API_GATEWAY_CORS_ORIGINS: loopback origins are left out"},
			"websocket": {notificationEnvironment, "warning: CORS_ORIGINS: loopback origins are left out"},
		} {
			vars := composeSettings(t, row.text, b)
			p := harness.Start(t, name, vars)
			base := "http://" + p.Address(t)
			require.Equal(t, 200, call(t, "GET", base+"/healthz", "", nil).status)
			if name == "gateway" {
				requireRedis(t, base)
			}
			harness.AwaitReady(t, strings.TrimPrefix(base, "http://"), "ready", "degraded")
			problems := p.Stderr.Lines()
			require.Len(t, problems, 1, "%q", problems)
			require.True(t, strings.HasPrefix(problems[0], row.warning), problems[0])
			require.Contains(t, p.Stdout.String(), `"event":"started"`)
			p.Terminate(t)
			require.Equal(t, 0, p.Exit(t, 20*time.Second), "%s%s", p.Stdout, p.Stderr)
		}
	})
}

// requireRedis requires that the gateway is connected to Redis.
func requireRedis(t *testing.T, base string) {
	t.Helper()
	dependencies, _ := call(t, "GET", base+"/healthz", "", nil).object(t)["dependencies"].(map[string]any)
	redis, _ := dependencies["redis"].(map[string]any)
	require.Equal(t, "healthy", redis["status"])
}

// TestHangupDrains checks that SIGHUP stops a service in the same way as SIGTERM. A connection whose client
// does not answer the close frame is aborted and logged; the shutdown still succeeds.
func TestHangupDrains(t *testing.T) {
	t.Parallel()
	s := newEnvironment(t, embedded(t))
	vars := s.settings(map[string]string{"WEBSOCKET_DRAIN_TIMEOUT": "3", "API_GATEWAY_DRAIN_TIMEOUT": "3"})
	gateway, node := harness.Start(t, "gateway", vars), harness.Start(t, "websocket", vars)
	_, address := gateway.Address(t), node.Address(t)
	harness.AwaitReady(t, address, "ready", "degraded")
	connect(t, "ws://"+address+"/ws", as("silent-teacher")) // reads nothing from now on
	for _, p := range []*harness.Program{gateway, node} {
		p.Signal(t, syscall.SIGHUP)
		require.Equal(t, 0, p.Exit(t, 10*time.Second), "%s%s", p.Stdout, p.Stderr)
		require.Contains(t, p.Stdout.String(), `"event":"stopped"`)
		require.NotContains(t, p.Stdout.String(), "a step of the drain failed")
	}
	require.Regexp(t, `"event":"connections are cut that did not answer their close frame".*"count":1`, node.Stdout.String())
}
